"""Why the churn model is what it is: other learners and batch models on the same snapshots, and what each costs."""
