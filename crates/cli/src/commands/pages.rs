//! Fetches every page of a list.

use crate::failure::Failure;

/// Page size for small rows.
pub(crate) const LARGE_SIZE: i32 = 1_000;
/// Page size for rows that may carry a build spec: the page must fit into one gRPC message.
pub(crate) const SMALL_SIZE: i32 = 50;

/// Calls `fetch_page` with each page token in turn. It returns the rows of the page and the token
/// of the next one, which is empty after the last page.
pub(crate) async fn fetch_all<T>(
    mut fetch_page: impl AsyncFnMut(String) -> Result<(Vec<T>, String), Failure>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    let mut token = String::new();

    loop {
        let (rows, next_token) = fetch_page(token).await?;
        all.extend(rows);

        if next_token.is_empty() {
            return Ok(all);
        }
        token = next_token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_page_is_fetched_once() {
        let rows = fetch_all(async |token: String| -> Result<_, Failure> {
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![], "b".to_owned()),
                _ => (vec![3], String::new()),
            })
        })
        .await;

        assert_eq!(rows.ok(), Some(vec![1, 2, 3]));
    }
}
