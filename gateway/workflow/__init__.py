"""The durable workflow: gather, read, report, deliver. Our own tables are the truth; the engine only runs the steps."""
