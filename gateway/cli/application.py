"""All commands in one Typer application."""

from __future__ import annotations

import typer

from gateway.cli import (
    accounts,
    audit,
    classify,
    demo,
    doctor,
    export,
    model,
    push,
    reference_pictures,
    send,
    serve,
    state,
    studies,
    train_reference,
)

app = typer.Typer(
    name="mammogate",
    help="A gateway that reads mammograms: DICOM in, Structured Reports back, a feed for the phone. "
    "Research use only, not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("send")(send.send)
app.command("echo")(send.echo)
app.command("classify")(classify.classify)
app.command("studies")(studies.studies)
app.command("show")(studies.show)
app.command("retry")(state.retry)
app.command("forget")(state.forget)
app.command("export")(export.export)
app.command("audit")(audit.audit)
app.command("backup")(state.backup)
app.command("restore")(state.restore)
app.command("doctor")(doctor.doctor)
app.command("train")(model.train)
app.command("evaluate")(model.evaluate)
model.models.command("compare")(train_reference.compare)
model.models.command("pictures")(reference_pictures.pictures)
app.add_typer(accounts.users, name="user", help="Local users.")
app.add_typer(accounts.tokens, name="token", help="Bearer tokens for programs.")
app.add_typer(push.pushes, name="push", help="Messages to the doctors' phones.")
app.add_typer(model.models, name="model", help="The model as files.")
