//! The databases of a fixture's stack.

use std::time::Duration;

use slipway_testrig::database::{connect, execute, rows};

use crate::fixture::{BUILD_TIMEOUT, Fixture, service_index, wait_until};

impl Fixture {
    /// The column `row` of a query on a service's database.
    pub(crate) async fn rows(&self, service: &str, sql: &str) -> Vec<String> {
        rows(&connect(self.database_url(service)).await, sql).await
    }

    /// Polls a query until the condition holds. Unlike a call, it does not make a service fetch
    /// anything.
    pub(crate) async fn wait_for_rows(
        &self,
        service: &str,
        sql: &str,
        timeout: Duration,
        is_wanted: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        wait_until(timeout, async || {
            let rows = self.rows(service, sql).await;
            if is_wanted(&rows) { Ok(rows) } else { Err(format!("{service}: {sql}: {rows:?}")) }
        })
        .await
    }

    /// Waits until a build has succeeded, by the builder's database.
    pub(crate) async fn wait_for_succeeded_row(&self, build: &str) {
        let state = format!("select state as row from builds where id = '{build}'");
        self.wait_for_rows("builder", &state, BUILD_TIMEOUT, |rows| rows == ["succeeded"]).await;
    }

    pub(crate) async fn execute(&self, service: &str, sql: &str) {
        execute(&connect(self.database_url(service)).await, sql).await;
    }

    fn database_url(&self, service: &str) -> &str {
        &self.databases[service_index(service)]
    }
}
