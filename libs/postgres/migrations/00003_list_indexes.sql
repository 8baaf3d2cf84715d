-- Indexes for the lists of the REST API. Left out on purpose: what changes with nearly every write of a row (last_updated, version), as an index of it
-- would make each such write touch all indexes of the table.

-- +goose Up

-- A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Substrings in any case. The API compares upper(column) as NetBox does, so that is what is indexed; one index per table serves all its texts.
CREATE INDEX backup_routines_search ON backup_routines USING gin (upper(job_id) gin_trgm_ops, upper(comment) gin_trgm_ops);
CREATE INDEX replications_search ON replications USING gin (upper(replication_id) gin_trgm_ops, upper(target) gin_trgm_ops, upper(comment) gin_trgm_ops, upper(source) gin_trgm_ops);
CREATE INDEX virtual_machines_search ON virtual_machines USING gin (upper(name) gin_trgm_ops);

-- Jobs by their own names, whatever the endpoint.
CREATE INDEX backup_routines_job_id ON backup_routines (job_id, id);
CREATE INDEX replications_replication_id ON replications (replication_id, id);
CREATE INDEX replications_guest ON replications (guest);
CREATE INDEX replications_target ON replications (target);

-- Few jobs are stale, and people look for them.
CREATE INDEX backup_routines_stale ON backup_routines (endpoint_id) WHERE status = 'stale';
CREATE INDEX replications_stale ON replications (endpoint_id) WHERE status = 'stale';

CREATE INDEX backup_routines_due ON backup_routines (next_run, id);

-- The order of lists ends with the id: with it in the index, pages deep in a list are found without reading rows.
CREATE INDEX virtual_machines_name_id ON virtual_machines (name, id);
DROP INDEX virtual_machines_name;

CREATE INDEX tagged_items_tag_object ON tagged_items (tag_id, object_type_id, object_id);
DROP INDEX tagged_items_tag;
