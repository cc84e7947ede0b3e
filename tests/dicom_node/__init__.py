"""Tests of dicom_node: against DCMTK, Orthanc and scripted peers that behave badly."""
