"""The way in for outside systems: importers read foreign files, `produce` sends the events they give.

importer     what an importer is, what it gives, the report of an import
fields       strict reading of text fields; csv_table, the rows of a CSV file; gate, nothing invalid gets out
ordering     event-time order over all topics, partitions, heartbeats: the exact sequence of records
produce      that sequence into Kafka
ravenstack   the five CSV files of the RavenStack data set; jsonl, files of our own envelope events
generated_nps  made-up NPS answers, always marked `generated`
"""
