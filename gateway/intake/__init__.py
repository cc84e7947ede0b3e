"""The durable intake: what `dicom_node` hands over becomes a file, a row and a job, and only then an answer."""
