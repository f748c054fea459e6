//! Every table has an entity, and every entity reads the rows of its table.

use std::collections::BTreeSet;

use sea_orm::{DbBackend, EntityTrait, IdenStatic as _, Iterable as _};
use slipway_permission::store::entities::{
    changes, grants, groups, members, objects, policy_state, users,
};
use slipway_testrig::database;

use crate::fixtures::Fixture;

slipway_testrig::on_both_databases!(every_entity_reads_its_table, every_table_has_an_entity);

/// The tables of other crates, which have tests of their own.
const OF_OTHER_CRATES: &[&str] =
    &["idempotency", "lease", "outbox", "outbox_position", "outbox_sequence", "seaql_migrations"];

async fn every_entity_reads_its_table(fixture: Fixture) {
    fixture.create_group("vision", &["alice"]).await;

    check::<users::Entity>(&fixture, 2).await;
    check::<groups::Entity>(&fixture, 1).await;
    check::<members::Entity>(&fixture, 1).await;
    check::<objects::Entity>(&fixture, 2).await;
    check::<grants::Entity>(&fixture, 3).await;
    check::<policy_state::Entity>(&fixture, 1).await;
    check::<changes::Entity>(&fixture, 3).await;
}

/// Reads all rows, and compares the columns of the table with those of the entity.
async fn check<E: EntityTrait>(fixture: &Fixture, rows: usize) {
    let database = &fixture.database.database;
    let table = E::default().table_name().to_owned();

    let read = E::find().all(database.reader()).await;
    let read = read.unwrap_or_else(|error| panic!("{table}: {error}"));
    assert_eq!(read.len(), rows, "{table}");

    let sql = match database.reader().get_database_backend() {
        DbBackend::Postgres => format!(
            "select column_name::text as row from information_schema.columns \
             where table_name = '{table}' and table_schema = current_schema()"
        ),
        _ => format!("select name as row from pragma_table_info('{table}')"),
    };
    let of_table: BTreeSet<_> = database::rows(database, &sql).await.into_iter().collect();
    let of_entity = E::Column::iter().map(|column| column.as_str().to_owned()).collect();
    assert_eq!(of_table, of_entity, "{table}");
}

async fn every_table_has_an_entity(fixture: Fixture) {
    let database = &fixture.database.database;
    let sql = match database.reader().get_database_backend() {
        DbBackend::Postgres => {
            "select tablename::text as row from pg_tables where schemaname = current_schema()"
        }
        _ => "select name as row from sqlite_master where type = 'table'",
    };

    let mut tables: BTreeSet<_> = database::rows(database, sql).await.into_iter().collect();
    tables.retain(|table| !OF_OTHER_CRATES.contains(&table.as_str()));
    let of_entities =
        ["changes", "grants", "groups", "members", "objects", "policy_state", "users"];
    assert_eq!(tables, of_entities.map(str::to_owned).into());
}
