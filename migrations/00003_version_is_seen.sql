-- +goose Up
-- Each process asks at its start whether the database has the shape it needs,
-- as the role it works in, which has no other right on this table.
grant select on goose_db_version to tenure_writer, tenure_reader;

-- +goose Down
-- Migrations go forward.
select 1;
