//! Column types keep their values, filter by them, and refuse what they cannot read.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, raw_sql};
use slipway_database::{
    StoreError,
    column::{JsonText, Text},
    raw_rows,
};
use slipway_names::{
    id::BuildId,
    unit::{ByteCount, Micros, PolicyVersion, Sequence},
};
use slipway_testrig::database::{TestDatabase, execute};
use strum::{Display, EnumString};

slipway_testrig::on_both_databases!(
    row_is_read_as_it_was_written,
    rows_are_found_by_typed_values,
    unknown_word_and_malformed_document_are_defects,
    statements_continue_after_a_column_is_added,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    NotStarted,
    Ended,
}

mod sample {
    use sea_orm::entity::prelude::*;

    use super::{
        BTreeMap, BuildId, ByteCount, JsonText, Micros, PolicyVersion, Sequence, State, Text,
    };

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sample")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: BuildId,
        pub(crate) state: Text<State>,
        pub(crate) last_state: Option<Text<State>>,
        pub(crate) labels: JsonText<BTreeMap<String, String>>,
        pub(crate) notes: Option<JsonText<Vec<String>>>,
        pub(crate) create_time: Micros,
        pub(crate) end_time: Option<Micros>,
        pub(crate) sequence: Sequence,
        pub(crate) policy_version: PolicyVersion,
        pub(crate) size: ByteCount,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: &str = "
    create table sample (
        id uuid primary key,
        state text not null,
        last_state text,
        labels text not null,
        notes text,
        create_time bigint not null,
        end_time bigint,
        sequence bigint not null,
        policy_version bigint not null,
        size bigint not null
    )";

async fn row_is_read_as_it_was_written(fixture: TestDatabase) {
    execute(&fixture.database, TABLE).await;

    for row in [without_options(), with_options()] {
        insert(&fixture, &row).await;
        let read = sample::Entity::find_by_id(row.id).one(fixture.database.reader()).await;
        assert_eq!(read.unwrap(), Some(row));
    }
}

async fn rows_are_found_by_typed_values(fixture: TestDatabase) {
    execute(&fixture.database, TABLE).await;
    let ended = with_options();
    insert(&fixture, &without_options()).await;
    insert(&fixture, &ended).await;

    let by_columns = sample::Entity::find()
        .filter(sample::COLUMN.state.eq(Text(State::Ended)))
        .filter(sample::COLUMN.labels.eq(ended.labels.clone()))
        .filter(sample::COLUMN.create_time.lt(Micros(6)))
        .filter(sample::COLUMN.sequence.gt(Sequence::ZERO))
        .filter(sample::COLUMN.policy_version.eq(ended.policy_version))
        .filter(sample::COLUMN.size.gte(ended.size))
        .all(fixture.database.reader())
        .await;
    assert_eq!(by_columns.unwrap(), std::slice::from_ref(&ended));

    assert_eq!(select_by_state(&fixture, &[State::Ended]).await.unwrap(), [ended]);
    let both = select_by_state(&fixture, &[State::Ended, State::NotStarted]).await.unwrap();
    assert_eq!(both.len(), 2);
}

async fn unknown_word_and_malformed_document_are_defects(fixture: TestDatabase) {
    execute(&fixture.database, TABLE).await;

    for (damage, want) in [
        ("update sample set state = 'paused'", "`paused`: Matching variant not found"),
        ("update sample set last_state = ''", "``: Matching variant not found"),
        ("update sample set labels = '{'", "EOF while parsing an object"),
        ("update sample set notes = '[1]'", "invalid type: integer `1`"),
    ] {
        execute(&fixture.database, "delete from sample").await;
        insert(&fixture, &with_options()).await;
        execute(&fixture.database, damage).await;

        let read = sample::Entity::find().all(fixture.database.reader()).await;
        let StoreError::Defect(cause) = StoreError::from(read.unwrap_err()) else {
            panic!("{damage}");
        };
        assert!(cause.to_string().contains(want), "{damage}: {cause}");
    }
}

/// A replica of an older version keeps working while a newer one changes the tables.
async fn statements_continue_after_a_column_is_added(fixture: TestDatabase) {
    execute(&fixture.database, TABLE).await;
    let row = with_options();
    insert(&fixture, &row).await;
    select_by_state(&fixture, &[State::Ended]).await.unwrap();

    execute(&fixture.database, "alter table sample add column note text").await;

    let read = sample::Entity::find().all(fixture.database.reader()).await.unwrap();
    assert_eq!(read, std::slice::from_ref(&row));
    assert_eq!(select_by_state(&fixture, &[State::Ended]).await.unwrap(), [row]);
    insert(&fixture, &without_options()).await;
}

fn without_options() -> sample::Model {
    sample::Model {
        id: BuildId::new(),
        state: Text(State::NotStarted),
        last_state: None,
        labels: JsonText(BTreeMap::new()),
        notes: None,
        create_time: Micros(-1),
        end_time: None,
        sequence: Sequence::ZERO,
        policy_version: PolicyVersion::ZERO,
        size: ByteCount::ZERO,
    }
}

fn with_options() -> sample::Model {
    let labels = [("quote".to_owned(), "it's \"quoted\" \\ ünïcode".to_owned())];

    sample::Model {
        id: BuildId::new(),
        state: Text(State::Ended),
        last_state: Some(Text(State::NotStarted)),
        labels: JsonText(labels.into()),
        notes: Some(JsonText(vec!["first".to_owned(), String::new()])),
        create_time: Micros(5),
        end_time: Some(Micros(i64::MAX)),
        sequence: Sequence::ZERO.next(),
        policy_version: i64::MAX.try_into().unwrap(),
        size: ByteCount::try_from(u64::try_from(i64::MAX).unwrap()).unwrap(),
    }
}

async fn insert(fixture: &TestDatabase, row: &sample::Model) {
    let row = sample::ActiveModel::from(row.clone());
    sample::Entity::insert(row).exec_without_returning(fixture.database.writer()).await.unwrap();
}

/// The same rows by `raw_rows`, with a list as parameter.
async fn select_by_state(
    fixture: &TestDatabase,
    states: &[State],
) -> Result<Vec<sample::Model>, StoreError> {
    let states: Vec<_> = states.iter().copied().map(Text).collect();
    let statement =
        raw_sql!(Postgres, "select COLUMNS from sample where state in ({..states}) order by id");

    let reader = fixture.database.reader();
    Ok(raw_rows::<sample::Entity>(reader, statement).all(reader).await?)
}
