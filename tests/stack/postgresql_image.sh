# What the entry point of the PostgreSQL image does with the variables of docker-compose.yml, with Debian's PostgreSQL.
set -e
PATH=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1):$PATH
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  find "$PGDATA" -mindepth 1 -delete
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl -w -t 180 -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start
  createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -w -m fast stop
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
