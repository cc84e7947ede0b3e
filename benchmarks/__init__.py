"""How fast a DICOM receiver stores images durably: mammogate beside Orthanc and DCMTK, in alternating pairs.

python -m benchmarks --help
"""
