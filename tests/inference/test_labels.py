"""What stands in a labels.csv, by whatever program it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.training.labels import LabelsUnusable, read_labels


@pytest.mark.parametrize("nobody", ["a.png,normal,", "a.png,normal", "a.png,normal,  "])
def test_a_row_without_a_patient_is_refused_with_its_line(tmp_path: Path, nobody: str) -> None:
    (tmp_path / "labels.csv").write_text(f"file,label5,patient_id\nb.png,normal,P_1\n{nobody}\n", encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"labels\.csv, line 3: no patient_id"):
        read_labels(tmp_path)
