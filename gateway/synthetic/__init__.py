"""A made study, sent on a timer through the DICOM port like a machine's, to see whether its reports come back."""
