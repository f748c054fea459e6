//! One Rust source file, parsed: its syntax tree and its string literals with their positions.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use proc_macro2::{Literal, TokenStream, TokenTree};
use syn::{File, Item, ItemMod};

use crate::workspace::root;

/// A file and what it contains. `path` is relative to the root of the repository.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: File,
}

/// A string literal of a source file.
pub(crate) struct Text {
    /// The literal's value, with escapes and line continuations resolved.
    pub(crate) value: String,
    /// First and last line, from 1.
    pub(crate) lines: (usize, usize),
    /// Column behind its last character, from 0.
    pub(crate) end_column: usize,
    /// True for literals of tests: their tables may be wider than other code.
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let syntax = syn::parse_file(text).with_context(|| path.to_owned())?;
        Ok(Self { path: path.to_owned(), text: text.to_owned(), syntax })
    }

    /// Every Rust file below `crates`, `services` and `tests`, in the order of their paths.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut sources = Vec::new();
        for folder in ["crates", "services", "tests"] {
            collect(&root().join(folder), &mut sources)?;
        }

        sources.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(sources)
    }

    /// True for files that only tests compile.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
    }

    /// All string literals but those of attributes, such as documentation.
    pub(crate) fn texts(&self) -> Vec<Text> {
        let tests = self.test_modules();
        let mut texts = Vec::new();

        if let Ok(tokens) = self.text.parse::<TokenStream>() {
            collect_texts(tokens, &mut texts);
        }
        for text in &mut texts {
            let is_inside = |lines: &(usize, usize)| (lines.0..=lines.1).contains(&text.lines.0);
            text.is_test = self.is_test() || tests.iter().any(is_inside);
        }
        texts
    }

    /// First and last lines of modules under `#[cfg(test)]`.
    fn test_modules(&self) -> Vec<(usize, usize)> {
        let lines = |item: &Item| match item {
            Item::Mod(ItemMod { attrs, content: Some((brace, _)), .. }) if is_under_test(attrs) => {
                Some((brace.span.open().start().line, brace.span.close().end().line))
            }
            _ => None,
        };

        self.syntax.items.iter().filter_map(lines).collect()
    }
}

/// True for `#[cfg(test)]`.
pub(crate) fn is_under_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();

        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root())?.display().to_string();
            sources.push(Source::parse(&name, &fs::read_to_string(&path)?)?);
        }
    }
    Ok(())
}

fn collect_texts(tokens: TokenStream, texts: &mut Vec<Text>) {
    let mut is_attribute = false;

    for token in tokens {
        match &token {
            TokenTree::Group(group) => {
                if !is_attribute || is_error_attribute(group.stream()) {
                    collect_texts(group.stream(), texts);
                }
            }
            TokenTree::Literal(literal) => texts.extend(text_of(literal)),
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }

        // The tokens before an attribute's brackets are `#`, or `#` and `!`.
        is_attribute = match &token {
            TokenTree::Punct(punct) => {
                punct.as_char() == '#' || is_attribute && punct.as_char() == '!'
            }
            _ => false,
        };
    }
}

/// `#[error("…")]` of thiserror is a message; other attributes are not.
fn is_error_attribute(tokens: TokenStream) -> bool {
    matches!(tokens.into_iter().next(), Some(TokenTree::Ident(name)) if name == "error")
}

fn text_of(literal: &Literal) -> Option<Text> {
    let value = syn::parse_str::<syn::LitStr>(&literal.to_string()).ok()?.value();
    let span = literal.span();

    Some(Text {
        value,
        lines: (span.start().line, span.end().line),
        end_column: span.end().column,
        is_test: false,
    })
}
