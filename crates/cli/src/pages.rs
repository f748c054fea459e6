//! Lists to their end.

use crate::failure::Failure;

/// Rows of a page of what is small.
pub(crate) const LARGE: i32 = 1_000;
/// Rows of a page where each may carry a spec: a page has to stay below the largest message.
pub(crate) const SMALL: i32 = 50;

/// `page` is given the token of a page, and answers its rows and the token of the next one.
pub(crate) async fn all<T>(
    mut page: impl AsyncFnMut(String) -> Result<(Vec<T>, String), Failure>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let (rows, next) = page(token).await?;
        all.extend(rows);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_page_is_asked_for_once() {
        let rows = all(async |token: String| -> Result<_, Failure> {
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
