"""akshara-ocr 0.3.0 with its ONNX engine (its other one needs the tesseract program), on the KTPs of a folder.

It knows no province, regency, district, village, RT/RW, blood type, nor place and date of issue.
"""

import importlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peer import Fields, as_iso, serve, stated

NAMES = {
    "nik": "nik",
    "nama": "name",
    "jenis_kelamin": "gender",
    "alamat": "address",
    "agama": "religion",
    "status_perkawinan": "maritalStatus",
    "pekerjaan": "occupation",
    "kewarganegaraan": "nationality",
    "berlaku_hingga": "validUntil",
}
BIRTH = "tempat_tanggal_lahir"


def fields_of(result: Any) -> Fields:
    """Its fields by FiLot's names, with dates as FiLot writes them."""
    sure = result.meta.confidence_per_field
    fields = {ours: stated(getattr(result, theirs), sure.get(theirs)) for theirs, ours in NAMES.items()}
    fields["validUntil"] = stated(as_iso(result.berlaku_hingga), sure.get("berlaku_hingga"))
    place, _, day = (getattr(result, BIRTH) or "").rpartition(",")
    fields["birthPlace"] = stated(place.strip(), sure.get(BIRTH))
    fields["birthDate"] = stated(as_iso(day.strip()), sure.get(BIRTH))
    return fields


def load() -> Any:
    reader = importlib.import_module("akshara_ocr").IDDocOCR(doc_type="ktp", engine="onnx")

    def read(file: Path) -> Fields:
        return fields_of(reader.extract(file))

    return f"akshara-ocr {version('akshara-ocr')} rapidocr-onnxruntime {version('rapidocr-onnxruntime')}", read


if __name__ == "__main__":
    serve(load)
