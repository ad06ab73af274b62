"""`zelo churn`: the churn model as it stands, a customer's risk, and how good the model is on a file of events."""

import typer

from streams.cli import churn_evaluate, churn_explain, churn_status

app = typer.Typer()
app.command("status")(churn_status.command)
app.command("explain")(churn_explain.command)
app.command("evaluate")(churn_evaluate.command)
