"""The second member: samples in ClickHouse, for those who outgrow one machine. The rest stays in a SQL store beside it."""
