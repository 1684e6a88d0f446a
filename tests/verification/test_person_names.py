"""Two names of one person agree, of two people never. All names are invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.known_checks import names_agree
from verification.person_names import OTHER, SAME, alike

ONE_PERSON = [
    ("PUSPARINI KUSUMALAGA", "Pusparini Kusumalaga"),
    ("SUTRISNO", "SUTRISNO"),
    # titles
    ("BUDI SANTOSO", "BUDI SANTOSO, S.H."),
    ("BUDI SANTOSO", "BUDI SANTOSO S.H."),
    ("BUDI SANTOSO", "DRS. H. BUDI SANTOSO, M.KOM"),
    ("BUDI SANTOSO", "DR.IR.BUDI SANTOSO M.M."),
    ("BUDI SANTOSO ST", "BUDI SANTOSO"),
    ("SUTRISNO", "SUTRISNO, S.PD.I"),
    ("HJ. SITI AMINAH", "SITI AMINAH"),
    ("H.ADI WIJAYA", "ADI WIJAYA"),
    ("PROF. DR. SRI LESTARI, M.SC., PH.D.", "SRI LESTARI"),
    # short forms, initials, old spellings, blanks
    ("MUH. RIZKI PRATAMA", "MUHAMMAD RIZKI PRATAMA"),
    ("MOCH RIZKI PRATAMA", "MUHAMMAD RIZKI PRATAMA"),
    ("M. RIZKI PRATAMA", "MOHAMMAD RIZKI PRATAMA"),
    ("A.R. HAKIM", "ABDUL RAHMAN HAKIM"),
    ("ST. MARYAM TANJUNG", "SITI MARYAM TANJUNG"),
    ("ACHMAD SOEPARDJO", "AHMAD SUPARJO"),
    ("DWI TRIYANTO", "DWI TRIANTO"),
    ("NURHAYATI LUBIS", "NUR HAYATI LUBIS"),
    ("NURHAYATI LUBIS", "NUR HAYATI LUBIS SIREGAR"),
    ("DA'UD AL-FATIH", "DAUD ALFATIH"),
    # cut short on the tax card
    ("SITI AMINAH LUBIS", "SITI AMINAH"),
    ("NI LUH PUTU SARI DEWI", "NI LUH PUTU SARI"),
    ("I WAYAN SUTAMA", "I WAYAN SUTAMA"),
    # misread
    ("PUSPAR1NI KUSUMALAGA", "PUSPARINI KUSUMALAGA"),
    ("PUSPARINI KUSUMALAQA", "PUSPARINI KUSUMALAGA"),
    ("PUSPARIMI KUSUMALAGA", "PUSPARINI KUSUMALAGA"),
    ("PUSPARINI KUSUMALGA", "PUSPARINI KUSUMALAGA"),
    # firms
    ("PT MAJU JAYA", "PT. MAJU JAYA"),
    ("PT MAJU JAYA", "MAJU JAYA, PT"),
]
TWO_PEOPLE = [
    ("SITI AMINAH", "SITI RAHAYU"),
    ("MUHAMMAD FAJAR", "MUHAMMAD ILHAM"),
    ("NI LUH SARI", "NI LUH RATNA"),
    ("I MADE SUTAMA", "NI MADE SUTAMA"),
    ("BUDI SIREGAR", "ANDI SIREGAR"),
    ("AGUS SIMANJUNTAK", "ADI SIMANJUNTAK"),
    ("ANI LESTARI", "ADI LESTARI"),
    ("TRI HANDOKO", "DWI HANDOKO"),
    ("AHMAD FAUZI", "AHMAD FAUZAN"),
    ("NUR AINI", "NUR AISYAH"),
    ("JOKO", "EKO"),
    ("PT MAJU JAYA", "CV MAJU JAYA"),
    ("PT BINTANG 21", "PT BINTANG 12"),
    ("PUSPARINI KUSUMALAGA", "BUDI SIREGAR"),
]
NOBODY_CAN_SAY = [
    ("MUHAMMAD RIZKI", "MUHAMMAD RIZAL"),  # brothers, or a letter misread
    ("AGUS SIMANJUNTAK", "AGIS SIMANJUNTAK"),
    ("RINI SUSANTI", "RINA SUSANTI"),
    ("RAHMAN HIDAYAT", "RAHMAT HIDAYAT"),
    ("MARIA SIHOMBING", "MARTA SIHOMBING"),
    ("SUPRIYANTO", "SUPRIYANTI"),
    ("SUHARTO", "SUHARTI"),
    ("WAHYUDI", "WAHYUNI"),
    ("SITI", "SITI AMINAH"),  # what is left says too little
    ("MUHAMMAD", "MUHAMMAD RIZKI"),
    ("BUDIMAN", "BUDIMAN HUTAPEA"),
    ("I MADE", "I MADE SUTAMA"),
    ("NI LUH", "NI LUH SARI"),
    ("AGUS SIMANJUN", "AGUS SIMANJUNTAK"),
    ("PT MAJU JAYA", "PT MAJU JAYA ABADI"),
    ("PT MAJU JAYA", "MAJU JAYA"),
]
names = st.text(alphabet="ABDEINRSU .,'1", max_size=30)


@pytest.mark.parametrize(("name", "other"), ONE_PERSON)
def test_two_ways_to_write_one_name_agree(name: str, other: str) -> None:
    assert names_agree(name, other) == names_agree(other, name) == "agrees"


@pytest.mark.parametrize(("name", "other"), TWO_PEOPLE)
def test_two_people_differ_whatever_they_share(name: str, other: str) -> None:
    assert names_agree(name, other) == names_agree(other, name) == "differs"


@pytest.mark.parametrize(("name", "other"), NOBODY_CAN_SAY)
def test_where_it_may_be_either_a_person_is_asked(name: str, other: str) -> None:
    assert names_agree(name, other) == names_agree(other, name) == "unclear"


@given(names, names)
def test_a_likeness_is_a_share_and_the_same_from_both_sides(name: str, other: str) -> None:
    assert 0 <= alike(name, other) <= 1
    assert alike(name, other) == alike(other, name)


@given(names)
def test_a_name_is_itself(name: str) -> None:
    assert alike(name, name) == (1 if any(c.isalnum() for c in name.partition(",")[0]) else 0)


def test_the_two_limits_leave_room_between_them() -> None:
    assert 0 < OTHER < SAME < 1
    assert alike("", "PUSPARINI") == alike(" .,", "PUSPARINI") == alike("王", "李") == 0
