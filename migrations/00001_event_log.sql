-- +goose Up
-- The event log: what happened, in one order, for good. Everything else that
-- Tenure keeps can be made again from the table event_log.

-- Roles are the cluster's, not the database's, so they may be there already.
-- They cannot log in: a session takes one on with "set role".
-- +goose StatementBegin
do $$
declare
	wanted text;
begin
	foreach wanted in array array['tenure_writer', 'tenure_reader'] loop
		begin
			if not exists (select from pg_roles where rolname = wanted) then
				execute format('create role %I nologin', wanted);
			end if;
		exception when duplicate_object or unique_violation then
			null; -- another database of the cluster was migrated at the same moment
		end;
		-- Since version 16 whoever makes a role is its member without the right
		-- to take it on.
		if not pg_has_role(current_user, wanted,
				case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
			execute format('grant %I to current_user', wanted);
		end if;
	end loop;
end $$;
-- +goose StatementEnd

-- One row. An append locks it, so that appends take turns; it is never
-- updated, because an updated row bloats under any long snapshot.
create table log_head (
	only_row boolean primary key default true check (only_row),
	log_id   uuid not null default gen_random_uuid()
);
insert into log_head default values;

-- Text ids compare byte by byte: their order is nobody's language.
-- json, not jsonb: the bytes are kept as they were written and can be hashed.
create table event_log (
	position    bigint not null,
	tenant_id   text collate "C" not null,
	stream_type text collate "C" not null,
	stream_id   text collate "C" not null,
	version     bigint not null,
	event_id    uuid not null,
	type        text collate "C" not null,
	schema      integer not null,
	data        json not null,
	meta        json not null,
	recorded_at timestamptz not null,
	primary key (position),
	unique (tenant_id, stream_type, stream_id, version)
);
create index event_log_by_tenant on event_log (tenant_id, position);
-- Not compressed: the stored size of an event is then its real size, and a
-- reader can bound a page in bytes without reading the bytes. The analyzer's
-- samples of a log that only grows at its end are soon old, so it runs often.
alter table event_log alter column data set storage external;
alter table event_log alter column meta set storage external;
alter table event_log set (autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);

-- What must be unique, reserved in the transaction of the append.
create table claims (
	tenant_id     text collate "C" not null,
	kind          text collate "C" not null,
	value         text collate "C" not null,
	stream_tenant text collate "C" not null,
	stream_type   text collate "C" not null,
	stream_id     text collate "C" not null,
	primary key (tenant_id, kind, value)
);

-- What a command must find without asking a read model.
create table lookups (
	tenant_id     text collate "C" not null,
	kind          text collate "C" not null,
	value         text collate "C" not null,
	stream_tenant text collate "C" not null,
	stream_type   text collate "C" not null,
	stream_id     text collate "C" not null,
	primary key (tenant_id, kind, value, stream_tenant, stream_type, stream_id)
);

-- Answers that were given, so that a repeated request gets the same one.
create table idempotency (
	tenant_id    text collate "C" not null,
	principal    text collate "C" not null,
	route        text collate "C" not null,
	key          text collate "C" not null,
	attempt      uuid not null,
	request_hash text collate "C" not null,
	response     text not null,
	position     bigint not null,
	expires_at   timestamptz not null,
	primary key (tenant_id, principal, route, key)
);
create index idempotency_by_expiry on idempotency (expires_at);

-- What is in the log stays as it is. An owner who means to can drop a trigger;
-- nobody changes the log by mistake.
-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
	raise exception 'the event log is append-only: % of % is refused', lower(tg_op), tg_table_name
		using errcode = 'insufficient_privilege',
		hint = 'Record a further event that says what is true now.';
end $$;
-- +goose StatementEnd
create trigger event_log_is_append_only before update or delete on event_log
	for each row execute function refuse_change();
create trigger event_log_is_not_truncated before truncate on event_log
	for each statement execute function refuse_change();
create trigger log_head_stays before update or delete on log_head
	for each row execute function refuse_change();
create trigger log_head_is_not_truncated before truncate on log_head
	for each statement execute function refuse_change();
-- "Always": also for a session that applies what another server sent.
alter table event_log enable always trigger event_log_is_append_only;
alter table event_log enable always trigger event_log_is_not_truncated;
alter table log_head enable always trigger log_head_stays;
alter table log_head enable always trigger log_head_is_not_truncated;


-- append_commands carries out a batch of commands, each on its own merits, in
-- one statement and therefore in one transaction. Commands are numbered from 1
-- to n; the other arguments are columns of rows that each name their command.
-- The caller sees to it that commands of one batch share no stream that one of
-- them writes, no claim, no idempotency key, and no set that one of them has
-- seen and another changes: so no command depends on another, and each check
-- is one statement for all.
--
-- It answers with the log, the position before the batch, the time, and the
-- commands that did not pass: which, why, and at what. The events of those
-- that passed have the positions after "head", without gaps, in their order.
--
--   outcome 1  recorded: these very events are in the log; number is the first's position, times theirs
--           2  replayed: this request was answered; number is its position then, info its response
--           3  key reused: the idempotency key belongs to another request
--           4  moved: a stream is not at the stated version; number is the version, item the row in s_*
--           5  set changed: not as many streams under a value as were seen; number is how many, item the row in n_*
--           6  taken: a claim is held by another; item is the row in t_*
--           7  not held: a claim to be released is not the stream's; item is the row in r_*
--
-- It runs as its owner, so that nobody needs the right to write the tables.
-- jit costs 50 ms a call; the generic plan spares planning each call anew. But
-- such a plan is made while the tables are small, and kept while they grow: so
-- a writer's session does not scan, and scalar sub-selects stand where one would
-- write "exists" or a join, which may be planned to pass over a whole table.
-- +goose StatementBegin
create function append_commands(
	n integer,
	e_command integer[], e_tenant text[], e_stream_type text[], e_stream_id text[], e_version bigint[],
	e_id uuid[], e_type text[], e_schema integer[], e_data text[], e_meta text[],
	s_command integer[], s_tenant text[], s_type text[], s_id text[], s_version bigint[],
	f_command integer[], f_row integer[],
	t_command integer[], t_tenant text[], t_kind text[], t_value text[],
	t_stream_tenant text[], t_stream_type text[], t_stream_id text[],
	r_command integer[], r_tenant text[], r_kind text[], r_value text[],
	r_stream_tenant text[], r_stream_type text[], r_stream_id text[],
	a_command integer[], a_tenant text[], a_kind text[], a_value text[],
	a_stream_tenant text[], a_stream_type text[], a_stream_id text[],
	d_command integer[], d_tenant text[], d_kind text[], d_value text[],
	d_stream_tenant text[], d_stream_type text[], d_stream_id text[],
	n_command integer[], n_tenant text[], n_kind text[], n_value text[], n_count integer[],
	i_command integer[], i_tenant text[], i_principal text[], i_route text[], i_key text[],
	i_attempt uuid[], i_hash text[], i_response text[], i_expires timestamptz[],
	out log uuid, out head bigint, out at timestamptz,
	out failed integer[], out outcome integer[], out number bigint[], out item integer[], out info text[],
	out times timestamptz[]
) language plpgsql security definer
	set search_path = public, pg_temp
	set jit = off
	set plan_cache_mode = force_generic_plan
as $$
declare
	x record;
	upto bigint[];
begin
	failed := '{}'; outcome := '{}'; number := '{}'; item := '{}'; info := '{}'; times := '{}';

	-- From here on this is the only append. What is read below is read in
	-- later statements, whose snapshots hold all that was appended before.
	select h.log_id into strict log from log_head h for update;
	select l.position, greatest(l.recorded_at, clock_timestamp()) into head, at
		from event_log l order by l.position desc limit 1;
	if not found then
		head := 0; at := clock_timestamp();
	end if;

	-- Streams that are not where the command believes them. A command that was
	-- appended before is always among these, since its own events moved them.
	for x in
		select s.command, s.row, s.version as expected, coalesce((
			select l.version from event_log l
			where l.tenant_id = s.tenant and l.stream_type = s.type and l.stream_id = s.id
			order by l.version desc limit 1), 0) as actual
		from unnest(s_command, s_tenant, s_type, s_id, s_version) with ordinality
			as s(command, tenant, type, id, version, row)
	loop
		if x.actual <> x.expected and not x.command = any(failed) then
			failed := failed || x.command; outcome := outcome || 4; number := number || x.actual;
			item := item || x.row::integer; info := info || null::text; times := times || null::timestamptz;
		end if;
	end loop;

	-- Of those, the ones whose first event is in the log at its place: sent
	-- again after an answer that was lost. This comes before all other checks.
	if cardinality(failed) > 0 then
		for x in
			select f.command, l.position, l.recorded_at
			from unnest(f_command, f_row) as f(command, row)
			join lateral (
				select l.position, l.recorded_at from event_log l
				where l.tenant_id = e_tenant[f.row] and l.stream_type = e_stream_type[f.row]
					and l.stream_id = e_stream_id[f.row] and l.version = e_version[f.row]
					and l.event_id = e_id[f.row] limit 1) l on true
			where f.command = any(failed)
		loop
			outcome[array_position(failed, x.command)] := 1;
			number[array_position(failed, x.command)] := x.position;
			times[array_position(failed, x.command)] := x.recorded_at;
		end loop;
	end if;

	-- Requests that were answered before. One whose attempt is this very one is
	-- an empty decision sent again, and known whatever the time.
	if cardinality(i_command) > 0 then
		for x in
			select i.command, i.hash = k.request_hash as same, i.attempt = k.attempt as own, k.position, k.response
			from unnest(i_command, i_tenant, i_principal, i_route, i_key, i_attempt, i_hash)
				as i(command, tenant, principal, route, key, attempt, hash)
			join lateral (
				select * from idempotency k
				where k.tenant_id = i.tenant and k.principal = i.principal and k.route = i.route and k.key = i.key
					and (k.expires_at > append_commands.at or k.attempt = i.attempt) limit 1) k on true
		loop
			if array_position(failed, x.command) is null then
				failed := failed || x.command; outcome := outcome || 0; number := number || 0::bigint;
				item := item || 0; info := info || null::text; times := times || null::timestamptz;
			end if;
			if outcome[array_position(failed, x.command)] <> 1 then
				outcome[array_position(failed, x.command)] := case when not x.same then 3 when x.own then 1 else 2 end;
				number[array_position(failed, x.command)] := x.position;
				info[array_position(failed, x.command)] := x.response;
			end if;
		end loop;
	end if;

	-- Sets that are not as they were seen.
	if cardinality(n_command) > 0 then
		for x in
			select s.command, s.row, s.count as expected, (
				select count(*) from lookups l
				where l.tenant_id = s.tenant and l.kind = s.kind and l.value = s.value) as actual
			from unnest(n_command, n_tenant, n_kind, n_value, n_count) with ordinality
				as s(command, tenant, kind, value, count, row)
		loop
			if x.actual <> x.expected and not x.command = any(failed) then
				failed := failed || x.command; outcome := outcome || 5; number := number || x.actual;
				item := item || x.row::integer; info := info || null::text; times := times || null::timestamptz;
			end if;
		end loop;
	end if;

	-- Claims that the command believes to hold and does not.
	if cardinality(r_command) > 0 then
		for x in
			select r.command, r.row from unnest(r_command, r_tenant, r_kind, r_value,
				r_stream_tenant, r_stream_type, r_stream_id) with ordinality
				as r(command, tenant, kind, value, stream_tenant, stream_type, stream_id, row)
			where (select c.stream_tenant = r.stream_tenant and c.stream_type = r.stream_type and c.stream_id = r.stream_id
				from claims c where c.tenant_id = r.tenant and c.kind = r.kind and c.value = r.value limit 1) is not true
		loop
			if not x.command = any(failed) then
				failed := failed || x.command; outcome := outcome || 7; number := number || 0::bigint;
				item := item || x.row::integer; info := info || null::text; times := times || null::timestamptz;
			end if;
		end loop;
	end if;

	-- Claims that someone holds, and that the command does not free itself.
	if cardinality(t_command) > 0 then
		for x in
			select t.command, t.row
			from unnest(t_command, t_tenant, t_kind, t_value) with ordinality as t(command, tenant, kind, value, row)
			where (select true from claims c
				where c.tenant_id = t.tenant and c.kind = t.kind and c.value = t.value limit 1)
			and (select true from unnest(r_command, r_tenant, r_kind, r_value) as r(command, tenant, kind, value)
				where r.command = t.command and r.tenant = t.tenant and r.kind = t.kind and r.value = t.value limit 1) is null
		loop
			if not x.command = any(failed) then
				failed := failed || x.command; outcome := outcome || 6; number := number || 0::bigint;
				item := item || x.row::integer; info := info || null::text; times := times || null::timestamptz;
			end if;
		end loop;
	end if;

	-- All that is left passes. If the process dies from here on, either all of
	-- it is in the log or none.
	insert into event_log (position, tenant_id, stream_type, stream_id, version, event_id, type, schema, data, meta, recorded_at)
		select append_commands.head + row_number() over (order by e.row), e.tenant, e.stream_type, e.stream_id, e.version,
			e.id, e.type, e.schema, e.data::json, e.meta::json, append_commands.at
		from unnest(e_command, e_tenant, e_stream_type, e_stream_id, e_version, e_id, e_type, e_schema, e_data, e_meta)
			with ordinality as e(command, tenant, stream_type, stream_id, version, id, type, schema, data, meta, row)
		where not e.command = any(failed);

	if cardinality(r_command) > 0 then
		delete from claims where ctid = any(array(
			select (select c.ctid from claims c
				where c.tenant_id = r.tenant and c.kind = r.kind and c.value = r.value limit 1)
			from unnest(r_command, r_tenant, r_kind, r_value) as r(command, tenant, kind, value)
			where not r.command = any(failed)));
	end if;
	if cardinality(t_command) > 0 then
		insert into claims (tenant_id, kind, value, stream_tenant, stream_type, stream_id)
			select t.tenant, t.kind, t.value, t.stream_tenant, t.stream_type, t.stream_id
			from unnest(t_command, t_tenant, t_kind, t_value, t_stream_tenant, t_stream_type, t_stream_id)
				as t(command, tenant, kind, value, stream_tenant, stream_type, stream_id)
			where not t.command = any(failed);
	end if;
	if cardinality(d_command) > 0 then
		delete from lookups where ctid = any(array(
			select (select l.ctid from lookups l
				where l.tenant_id = d.tenant and l.kind = d.kind and l.value = d.value
					and l.stream_tenant = d.stream_tenant and l.stream_type = d.stream_type and l.stream_id = d.stream_id limit 1)
			from unnest(d_command, d_tenant, d_kind, d_value, d_stream_tenant, d_stream_type, d_stream_id)
				as d(command, tenant, kind, value, stream_tenant, stream_type, stream_id)
			where not d.command = any(failed)));
	end if;
	if cardinality(a_command) > 0 then
		insert into lookups (tenant_id, kind, value, stream_tenant, stream_type, stream_id)
			select a.tenant, a.kind, a.value, a.stream_tenant, a.stream_type, a.stream_id
			from unnest(a_command, a_tenant, a_kind, a_value, a_stream_tenant, a_stream_type, a_stream_id)
				as a(command, tenant, kind, value, stream_tenant, stream_type, stream_id)
			where not a.command = any(failed)
			on conflict do nothing;
	end if;
	if cardinality(i_command) > 0 then
		-- Up to and with each command, so many events passed.
		upto := array(
			select sum(count(e.command)) over (order by c.command)
			from generate_series(1, n) as c(command)
			left join (select e.command from unnest(e_command) as e(command)
				where not e.command = any(failed)) e on e.command = c.command
			group by c.command order by c.command);
		-- What has expired may be written over; what has not never gets here.
		insert into idempotency as k (tenant_id, principal, route, key, attempt, request_hash, response, position, expires_at)
			select i.tenant, i.principal, i.route, i.key, i.attempt, i.hash, i.response,
				append_commands.head + upto[i.command], i.expires
			from unnest(i_command, i_tenant, i_principal, i_route, i_key, i_attempt, i_hash, i_response, i_expires)
				as i(command, tenant, principal, route, key, attempt, hash, response, expires)
			where not i.command = any(failed)
			on conflict (tenant_id, principal, route, key) do update
				set attempt = excluded.attempt, request_hash = excluded.request_hash, response = excluded.response,
					position = excluded.position, expires_at = excluded.expires_at;
	end if;
end $$;
-- +goose StatementEnd

revoke all on function append_commands from public;
revoke create on schema public from public; -- as from Postgres 15: what append_commands calls is ours
grant usage on schema public to tenure_writer, tenure_reader;
grant execute on function append_commands to tenure_writer;
grant select on event_log, log_head, claims, lookups, idempotency to tenure_writer;
grant select on event_log, log_head to tenure_reader;

-- +goose Down
-- Migrations go forward: what the log holds is not given up.
select 1;
