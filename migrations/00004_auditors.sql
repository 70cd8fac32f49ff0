-- +goose Up
-- Whose events an auditor sees is decided once more where they are stored, so
-- that a mistake in the program that asks cannot show him another tenant's.

-- tenure_auditor sees the tenants that the transaction has named, and
-- tenure_overseer sees all. These are two roles and not one setting with a value
-- for "all", because then no text that gets into the setting, wherever it came
-- from, shows more than the tenants it names. Neither owns anything, nor may
-- be made a member of another role of ours: policies are inherited.
-- +goose StatementBegin
do $$
declare
	wanted text;
begin
	foreach wanted in array array['tenure_auditor', 'tenure_overseer'] loop
		begin
			if not exists (select from pg_roles where rolname = wanted) then
				execute format('create role %I nologin', wanted);
			end if;
		exception when duplicate_object or unique_violation then
			null; -- another database of the cluster was migrated at the same moment
		end;
		if not pg_has_role(current_user, wanted,
				case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
			execute format('grant %I to current_user', wanted);
		end if;
	end loop;
	-- The owner is bound too, and appends through the policy of the writers.
	-- One who could not would find an empty log and refuse every append.
	if not pg_has_role(current_user, 'tenure_writer', 'usage') then
		raise exception 'the owner % does not have the rights of tenure_writer', current_user
			using hint = format('alter role %I inherit; from version 16 on: grant tenure_writer to %I with inherit true', current_user, current_user);
	end if;
end $$;
-- +goose StatementEnd

grant usage on schema public to tenure_auditor, tenure_overseer;
grant select on event_log, log_head, goose_db_version to tenure_auditor, tenure_overseer;

-- Whoever has no policy sees nothing. Those that are "true" are gone when a
-- statement is planned: who sees all reads and appends as fast as before.
alter table event_log enable row level security;
alter table event_log force row level security;
create policy event_log_is_written on event_log to tenure_writer using (true) with check (true);
create policy event_log_is_followed on event_log for select to tenure_reader using (true);
create policy event_log_is_overseen on event_log for select to tenure_overseer using (true);
-- The setting holds the tenants' ids, separated by commas, of which no id has
-- one. Unset, it is null, and empty, no id is in it: either shows nothing. It is
-- read once for each statement, not for each row.
create policy event_log_is_audited on event_log for select to tenure_auditor
	using (tenant_id = any ((select string_to_array(current_setting('tenure.tenant', true), ','))::text[]));

-- +goose Down
-- Migrations go forward.
select 1;
