-- +goose Up
-- How far each consumer of the log has come. None of it can be made again from
-- the log, and all of it may be lost for a projection, which keeps a checkpoint
-- of its own; for a reaction the offset is what stands between an event and a
-- second mail about it.

-- One row for each consumer that was ever here. It is the lock under which a
-- consumer takes its turns. It is locked and never updated, because an updated
-- row bloats under any long snapshot. To delete it makes the consumer a new one.
create table feed_consumers (
	name          text collate "C" not null,
	registered_at timestamptz not null default clock_timestamp(),
	primary key (name)
);

-- The places that consumers have reached. The newest of a consumer counts; a
-- turn adds one and changes none, for the same reason. Older ones are deleted
-- in passing. At position 0 there is no event, and event_id is all zeros.
create table feed_offsets (
	consumer text collate "C" not null,
	position bigint not null check (position >= 0),
	log_id   uuid not null,
	event_id uuid not null,
	primary key (consumer, position)
);
-- Its size says nothing about how much of it is dead.
alter table feed_offsets set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- To lock a row takes the right to update it. The trigger takes that back.
-- +goose StatementBegin
create function refuse_lock_row_update() returns trigger language plpgsql as $$
begin
	raise exception 'a row of % is locked, never updated', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger feed_consumers_stay before update on feed_consumers
	for each row execute function refuse_lock_row_update();

grant select, insert, update (name) on feed_consumers to tenure_reader;
grant select, insert, delete on feed_offsets to tenure_reader;

-- +goose Down
-- Migrations go forward.
select 1;
