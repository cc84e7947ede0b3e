"""The tests are a package so that they can share `tests.peers`: real Orthanc, real DCMTK, synthetic mammograms."""
