//! Page sizes and page tokens (AIP-158).

use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;

/// Rows of a page when the caller gives no size.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// The largest number of rows of a page; a larger request gets this size.
pub const MAX_PAGE_SIZE: u32 = 1_000;

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The largest number of rows, from 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// Keys of the previous page's last row; empty for the first page.
    pub after: Vec<String>,
    binding: String,
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(rename = "b")]
    binding: String,
    #[serde(rename = "k")]
    keys: Vec<String>,
}

impl Page {
    /// `list` names the list with its filter and order. A token is only good for the same caller
    /// and list, and has `key_count` keys.
    ///
    /// # Errors
    /// `FIELD_INVALID` for a negative size, `PAGE_TOKEN_INVALID` for a token of another call.
    pub fn parse(
        caller: UserId,
        list: &[&str],
        size: i32,
        token: &str,
        key_count: usize,
    ) -> Result<Self, Fault> {
        let size = parse_size(size)?;
        let binding = hash_binding(caller, list);
        if token.is_empty() {
            return Ok(Self { size, after: Vec::new(), binding });
        }

        let token = decode_token(token).ok_or_else(token_invalid)?;
        if token.binding != binding || token.keys.len() != key_count {
            return Err(token_invalid());
        }

        Ok(Self { size, after: token.keys, binding })
    }

    /// The number of rows to query. It is one more than the size, to learn whether there is a next
    /// page.
    pub fn limit(&self) -> u64 {
        u64::from(self.size) + 1
    }

    /// The key of the previous page's last row, in lists that have one key; `None` for the first
    /// page.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID` for a key that is not a `T`.
    pub fn key<T: FromStr>(&self) -> Result<Option<T>, Fault> {
        let Some(key) = self.after.first() else { return Ok(None) };
        key.parse().map(Some).map_err(|_| token_invalid())
    }

    /// Truncates the rows to the page and returns the token of the next page; the last page's is
    /// empty.
    pub fn cut<T>(&self, rows: &mut Vec<T>, keys: impl FnOnce(&T) -> Vec<String>) -> String {
        let size = self.size as usize;
        if rows.len() <= size {
            return String::new();
        }

        rows.truncate(size);
        let Some(last) = rows.last() else { return String::new() };

        let token = Token { binding: self.binding.clone(), keys: keys(last) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }
}

fn parse_size(size: i32) -> Result<u32, Fault> {
    if size == 0 {
        return Ok(DEFAULT_PAGE_SIZE);
    }

    let size = u32::try_from(size).map_err(|_| {
        Fault::field(
            "page_size",
            format!("is {size}; give 0 for {DEFAULT_PAGE_SIZE}, or 1 to {MAX_PAGE_SIZE}"),
        )
    })?;
    Ok(size.min(MAX_PAGE_SIZE))
}

fn hash_binding(caller: UserId, list: &[&str]) -> String {
    let binding = format!("{caller}\0{}", list.join("\0"));
    let hash = digest(&SHA256, binding.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12])
}

fn decode_token(token: &str) -> Option<Token> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// `PAGE_TOKEN_INVALID` for a token that no list of this kind returned.
pub fn token_invalid() -> Fault {
    let description = "is not from a call of yours with the same filter and order; \
                       list from the start, without a token";
    Fault::new(Reason::PageTokenInvalid, format!("page_token {description}"))
        .violation("page_token", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_another_caller_order_or_shape_is_refused() {
        let alice = UserId::derive("test", "alice");
        let bob = UserId::derive("test", "bob");
        let page = Page::parse(alice, &["name"], 2, "", 1).unwrap();
        let mut rows = vec!["a", "b", "c"];
        let token = page.cut(&mut rows, |row| vec![(*row).to_owned()]);

        assert_eq!(rows, ["a", "b"]);
        assert_eq!(Page::parse(alice, &["name"], 2, &token, 1).unwrap().after, ["b"]);

        for (caller, order, key_count, token) in [
            (bob, "name", 1, token.as_str()),
            (alice, "time", 1, &token),
            (alice, "name", 2, &token),
            (alice, "name", 1, "%%%"),
        ] {
            let fault = Page::parse(caller, &[order], 2, token, key_count).unwrap_err();
            assert_eq!(fault.reason(), Reason::PageTokenInvalid);
        }
    }

    #[test]
    fn page_size_has_a_default_a_maximum_and_no_negative_values() {
        check_size(0, Ok(50));
        check_size(7, Ok(7));
        check_size(5_000, Ok(1_000));
        check_size(-1, Err(Reason::FieldInvalid));
    }

    fn check_size(size: i32, want: Result<u32, Reason>) {
        let caller = UserId::derive("test", "alice");
        let got = Page::parse(caller, &[], size, "", 1).map(|page| page.size);
        assert_eq!(got.map_err(|fault| fault.reason()), want);
    }
}
