//! Statements that are clearer as SQL, with rows of an entity as their result.

use sea_orm::{
    ConnectionTrait, EntityTrait, IdenStatic as _, Iterable as _, SelectModel, SelectorRaw,
    Statement,
};

/// The rows of a `raw_sql!(Postgres, …)` statement, on either database: SQLite reads `$1` too. The
/// word `COLUMNS` in the text stands for the names of all columns of the entity.
///
/// A statement must return all columns of the entity, and none by `*`: a nullable column that is
/// absent is read as `None`, and a column that a newer version adds breaks a prepared `*`.
pub fn raw_rows<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    mut statement: Statement,
) -> SelectorRaw<SelectModel<E::Model>> {
    let columns: Vec<_> =
        E::Column::iter().map(|column| format!("\"{}\"", column.as_str())).collect();

    statement.sql = statement.sql.replace("COLUMNS", &columns.join(", "));
    statement.db_backend = connection.get_database_backend();
    E::find().from_raw_sql(statement)
}
