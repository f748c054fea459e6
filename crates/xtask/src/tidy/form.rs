//! How code looks: paragraphs in long functions, line width, file length, module documentation.

use proc_macro2::Span;
use syn::{
    Block, Expr, ExprClosure, ImplItemFn, ItemFn, Local, Pat, TraitItemFn,
    visit::{self, Visit},
};

use crate::tidy::source::Source;

/// Functions with more lines than this have paragraphs.
const LONGEST_WITHOUT_BLANK_LINE: usize = 12;
/// In lines; a longer closure that is bound to a name must become a function.
const LONGEST_CLOSURE: usize = 3;
/// In columns.
const WIDTH: usize = 100;
/// In lines.
const LONGEST_FILE: usize = 600;

/// A function of more than [`LONGEST_WITHOUT_BLANK_LINE`] lines has a blank line, unless it is a
/// single expression.
pub(super) fn functions_have_paragraphs(source: &Source) -> Vec<String> {
    let lines = source.text.lines().collect();
    let mut functions = Functions { lines, complaints: Vec::new() };

    functions.visit_file(&source.syntax);
    functions.complaints
}

struct Functions<'a> {
    lines: Vec<&'a str>,
    complaints: Vec<String>,
}

impl Functions<'_> {
    fn judge(&mut self, name: &syn::Ident, body: &Block) {
        let first = line_of(body.brace_token.span.open());
        let last = line_of(body.brace_token.span.close());
        let inner = self.lines.get(first..last.saturating_sub(1)).unwrap_or_default();
        let has_blank_line = inner.iter().any(|line| line.trim().is_empty());

        if body.stmts.len() > 1 && inner.len() > LONGEST_WITHOUT_BLANK_LINE && !has_blank_line {
            let length = inner.len();
            self.complaints.push(format!(
                "line {first}: `{name}` has {length} lines without a blank one; separate its steps"
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.judge(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.judge(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.judge(&function.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// A `let` binds one value: no tuple of several `let`s, and no closure that should be a function.
pub(super) fn bindings_are_simple(source: &Source) -> Vec<String> {
    let mut bindings = Bindings { complaints: Vec::new() };

    bindings.visit_file(&source.syntax);
    bindings.complaints
}

struct Bindings {
    complaints: Vec<String>,
}

impl<'ast> Visit<'ast> for Bindings {
    fn visit_local(&mut self, binding: &'ast Local) {
        let line = line_of(binding.let_token.span);
        let Some(init) = &binding.init else { return };
        let value = init.expr.as_ref();

        // `let … else` may match several values, because all share one way out.
        let is_pair = matches!((&binding.pat, value), (Pat::Tuple(_), Expr::Tuple(_)));
        if is_pair && init.diverge.is_none() {
            self.complaints.push(format!("line {line}: write a `let` of its own for each value"));
        }
        if let Expr::Closure(closure) = value
            && closure_lines(closure) > LONGEST_CLOSURE
        {
            self.complaints.push(format!(
                "line {line}: a closure of more than {LONGEST_CLOSURE} lines; make it a function"
            ));
        }
        visit::visit_local(self, binding);
    }
}

/// The lines between the braces of a closure; 0 without braces.
fn closure_lines(closure: &ExprClosure) -> usize {
    let body = match closure.body.as_ref() {
        Expr::Block(body) => &body.block,
        Expr::Async(body) => &body.block,
        _ => return 0,
    };

    let braces = body.brace_token.span;
    line_of(braces.close()).saturating_sub(line_of(braces.open()) + 1)
}

fn line_of(span: Span) -> usize {
    span.start().line
}

/// No line is wider than [`WIDTH`], except in query texts and in the data of tests.
pub(super) fn lines_are_narrow(source: &Source) -> Vec<String> {
    let texts = source.texts();
    let mut complaints = Vec::new();

    for (index, line) in source.text.lines().enumerate() {
        let number = index + 1;
        let width = line.chars().count();
        let may_be_wide = texts.iter().any(|text| {
            let reaches_beyond = text.lines.1 > number || text.end_column > WIDTH;
            let is_here = (text.lines.0..=text.lines.1).contains(&number);
            is_here && reaches_beyond && (text.is_test || is_query(&text.value))
        });

        if width > WIDTH && !may_be_wide {
            complaints.push(format!("line {number} has {width} columns, at most {WIDTH} fit"));
        }
    }
    complaints
}

/// True for the text of an SQL statement.
pub(super) fn is_query(text: &str) -> bool {
    let start = text.trim_start_matches([' ', '\n', '(']).to_lowercase();
    let verbs = ["select ", "insert ", "update ", "delete ", "with ", "create ", "drop ", "alter "];
    let has_clause = [" from ", " into ", " set ", " table ", " index ", " where ", "select "];

    verbs.iter().any(|verb| start.starts_with(verb))
        && has_clause.iter().any(|clause| start.contains(clause))
}

pub(super) fn files_are_short(source: &Source) -> Vec<String> {
    let length = source.text.lines().count();
    let complaint = || format!("has {length} lines; a file has at most {LONGEST_FILE}: split it");

    (length > LONGEST_FILE).then(complaint).into_iter().collect()
}

pub(super) fn modules_are_described(source: &Source) -> Vec<String> {
    let is_described = source.text.starts_with("//!") || source.text.starts_with("#![doc");
    let complaint = || "begins without a `//!` line that describes the module".to_owned();

    (!is_described).then(complaint).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Source) -> Vec<String>, text: &str, complaints: usize) {
        let source = Source::parse("crates/x/src/lib.rs", text).expect("Rust");
        assert_eq!(rule(&source).len(), complaints, "{:?}", rule(&source));
    }

    #[test]
    fn long_function_without_paragraphs_is_rejected() {
        let statements = |count: usize| "    f();\n".repeat(count);

        let short = format!("fn a() {{\n{}}}\n", statements(12));
        check(functions_have_paragraphs, &short, 0);

        let long = format!("fn a() {{\n{}}}\n", statements(13));
        check(functions_have_paragraphs, &long, 1);

        let method = format!("impl A {{\nfn a() {{\n{}}}\n}}\n", statements(13));
        check(functions_have_paragraphs, &method, 1);

        let divided = format!("fn a() {{\n{}\n{}}}\n", statements(7), statements(7));
        check(functions_have_paragraphs, &divided, 0);

        let one_expression =
            format!("fn a() {{\n    match x {{\n{}    }}\n}}\n", "A => 1,\n".repeat(14));
        check(functions_have_paragraphs, &one_expression, 0);
    }

    #[test]
    fn tuple_of_lets_and_long_closure_are_rejected() {
        check(bindings_are_simple, "fn a() { let (b, c) = (1, 2); }\n", 1);
        check(bindings_are_simple, "fn a() { let (b, c) = pair(); }\n", 0);
        check(bindings_are_simple, "fn a() { let (Ok(b), c) = (1, 2) else { return }; }\n", 0);

        let closure =
            |lines: usize| format!("fn a() {{ let b = || {{\n{}}}; }}\n", "f();\n".repeat(lines));
        check(bindings_are_simple, &closure(3), 0);
        check(bindings_are_simple, &closure(4), 1);
    }

    #[test]
    fn wide_line_is_rejected_unless_it_is_a_query_or_test_data() {
        let wide = "x".repeat(100);

        check(lines_are_narrow, &format!("// {wide}\n"), 1);
        check(lines_are_narrow, &format!("const A: &str = \"{wide}\";\n"), 1);
        check(lines_are_narrow, &format!("const A: &str = \"select {wide} from a\";\n"), 0);
        check(lines_are_narrow, &format!("const A: &str = \"select a\n{wide}\nfrom a\";\n"), 0);

        let test = format!("#[cfg(test)]\nmod tests {{\n    const A: &str = \"{wide}\";\n}}\n");
        check(lines_are_narrow, &test, 0);
    }

    #[test]
    fn long_file_and_undescribed_module_are_rejected() {
        check(files_are_short, &"\n".repeat(601), 1);
        check(files_are_short, &"\n".repeat(600), 0);
        check(modules_are_described, "use std::fs;\n", 1);
        check(modules_are_described, "//! Files.\nuse std::fs;\n", 0);
    }
}
