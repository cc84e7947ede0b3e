"""The phone: the doctor's viewer in the browser, and how its built files are served."""
