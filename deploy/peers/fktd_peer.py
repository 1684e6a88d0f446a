"""fktd 0.1.1 with EasyOCR, on the KTPs of a folder. Fetches nothing.

It asks EasyOCR for Indonesian, whose weights are in no package; here it gets English, which has the same letters.
"""

import importlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peer import Fields, as_iso, serve, stated

NAMES = {
    "provinsi": "province",
    "kota_kabupaten": "regency",
    "nik": "nik",
    "nama": "name",
    "tempat_lahir": "birthPlace",
    "tanggal_lahir": "birthDate",
    "jenis_kelamin": "gender",
    "golongan_darah": "bloodType",
    "alamat": "address",
    "rt_rw": "rtRw",
    "kel_desa": "village",
    "kecamatan": "district",
    "agama": "religion",
    "status_perkawinan": "maritalStatus",
    "pekerjaan": "occupation",
    "kewarganegaraan": "nationality",
    "berlaku_hingga": "validUntil",
    "tempat_dikeluarkan": "issuedPlace",
    "tanggal_dikeluarkan": "issuedDate",
}
DATES = ("tanggal_lahir", "berlaku_hingga", "tanggal_dikeluarkan")


def fields_of(data: Any) -> Fields:
    """Its fields by FiLot's names, with dates as FiLot writes them."""
    values = {theirs: getattr(data, theirs) for theirs in NAMES}
    values |= {name: as_iso(values[name]) for name in DATES}
    return {ours: stated(values[theirs], data.confidence_of(theirs)) for theirs, ours in NAMES.items()}


def load() -> Any:
    home = Path(tempfile.mkdtemp(prefix="fktd-peer-"))
    (home / "model").symlink_to(importlib.import_module("easyocr_en_models").model_dir())
    os.environ["EASYOCR_MODULE_PATH"] = str(home)  # read by EasyOCR as it is imported
    reader = importlib.import_module("fktd").FKTD(lang=["en"], detect_vision=False, wilayah_provider="local")

    def read(file: Path) -> Fields:
        return fields_of(reader.extract_fields(str(file)))

    return f"fktd {version('fktd')} easyocr {version('easyocr')}", read


if __name__ == "__main__":
    serve(load)
