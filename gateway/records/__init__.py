"""Call records: one row for every call, admitted or refused, in SQLite or PostgreSQL."""
