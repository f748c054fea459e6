//! Accepted and refused lines as tables, and a property for each grammar.

use proptest::prelude::*;

use crate::{PackageLists, PackageRules, Problem, Refusal, apt, conda, pip};

fn accept(parse: impl Fn(&str) -> Result<Option<String>, Problem>, line: &str, want: &str) {
    assert_eq!(parse(line).map(Option::unwrap_or_default), Ok(want.to_owned()), "{line:?}");

    assert_eq!(
        parse(want).map(Option::unwrap_or_default),
        Ok(want.to_owned()),
        "the rendered form {want:?} must parse to itself"
    );
}

fn refuse(parse: impl Fn(&str) -> Result<Option<String>, Problem>, line: &str, want: &str) {
    let problem = parse(line).expect_err(line);

    assert!(problem.reason.contains(want), "{line:?}: {}", problem.reason);
    assert!(
        problem.column >= 1 && problem.column <= line.chars().count() + 1,
        "{line:?}: {problem:?}"
    );
}

fn apt(line: &str) -> Result<Option<String>, Problem> {
    apt::parse(line).map(|package| package.map(|package| package.to_string()))
}

fn conda(line: &str) -> Result<Option<String>, Problem> {
    conda::parse(line, &PackageRules::default()).map(|spec| spec.map(|spec| spec.to_string()))
}

fn pip(line: &str) -> Result<Option<String>, Problem> {
    pip::parse(line, &PackageRules::default())
        .map(|requirement| requirement.map(|requirement| requirement.to_string()))
}

/// Lines that every manager refuses, each with a part of its message.
const HOSTILE: &[(&str, &str)] = &[
    ("jq\nx", "line break"),
    ("jq\r", "line break"),
    ("jq\0", "NUL"),
    ("jq\u{1b}[2J", "control character"),
    ("jq\u{202e}x", "bidirectional"),
    ("j\u{200b}q", "zero-width"),
    ("jq \\", "next one"),
    ("-y", "options"),
    ("--file x", "options"),
];

#[test]
fn apt_lines_follow_the_grammar() {
    for line in [
        "g++",
        "libstdc++-12-dev",
        "python3=3.11.2-1+b1",
        "curl=7.88~rc1-1",
        "libc6:amd64",
        "jq/bookworm",
        "0ad",
        "jq=1:1.6-2",
    ] {
        accept(apt, line, line);
    }
    accept(apt, "  jq  # to look at JSON", "jq");
    for line in ["", "   ", "# jq"] {
        assert_eq!(apt(line), Ok(None));
    }

    let refused = [
        ("-oAPT::Get::AllowUnauthenticated=true", "options"),
        ("--allow-unauthenticated", "options"),
        ("jq; rm", "package name"),
        ("$(id)", "package name"),
        ("a b", "package name"),
        ("curl-", "remove"),
        ("g.+-12-doc", "pattern"),
        ("jq=", "version"),
        ("jq=abc", "digit"),
        ("jq=1.0 ;rm", "version"),
        ("jq/", "suite"),
        ("jq/bookworm-", "suite"),
        ("jq:amd64-", "architecture"),
        ("jq/bookworm+", "suite"),
        ("jq:", "architecture"),
        ("JQ", "package name"),
        ("./x.deb", "package name"),
        ("é", "package name"),
    ];
    for (line, want) in refused.iter().chain(HOSTILE) {
        refuse(apt, line, want);
    }
    assert_eq!(apt("JQ").unwrap_err().nearest.as_deref(), Some("jq"));
}

#[test]
fn apt_package_with_a_suite_has_no_relation() {
    let relation = |line: &str| apt::parse(line).unwrap().unwrap().relation();

    assert_eq!(relation("libc6:amd64=2.36-9").as_deref(), Some("libc6:amd64 (= 2.36-9)"));
    assert_eq!(relation("jq/bookworm"), None);
}

#[test]
fn conda_lines_follow_the_grammar() {
    for (line, want) in [
        ("numpy==1.17*", "numpy 1.17.*"),
        ("conda-forge::numpy==1.17*", "conda-forge::numpy 1.17.*"),
        ("-c pytorch -c fastai fastai", "-c pytorch -c fastai fastai"),
        ("pytorch=*=*cuda*", "pytorch * *cuda*"),
        ("numpy 1.8*", "numpy 1.8.*"),
        ("conda-forge/linux-64::numpy", "conda-forge/linux-64::numpy"),
        ("numpy[version='>=1.8']", "numpy >=1.8"),
    ] {
        accept(conda, line, want);
    }
    assert_eq!(conda("-c conda-forge::numpy==1.17*"), conda("conda-forge::numpy==1.17*"));

    let refused = [
        ("numpy[url=https://evil/x.conda]", ""),
        ("numpy[fn=x.conda]", "`fn`"),
        ("conda-forge::numpy[channel=evil]", "evil"),
        ("evil::numpy", "evil"),
        ("-c evil numpy", "evil"),
        ("https://evil/x-1-0.conda", ""),
        ("https://user:pw@h/c::numpy", ""),
        ("a b", "not a version"),
        ("numpy; rm -rf /", ""),
        ("numpy $(id)", ""),
        ("-c conda-forge", "follow"),
        ("num*", "exact"),
    ];
    for (line, want) in refused.iter().chain(HOSTILE) {
        refuse(conda, line, want);
    }
}

#[test]
fn pip_lines_follow_the_grammar() {
    let url =
        format!("pkg @ https://example.org/pkg-1.0-py3-none-any.whl#sha256={}", "a".repeat(64));
    let httpx = url.replace("pkg @", "httpx @");
    for (line, want) in [
        ("pandas[sql]", "pandas[sql]"),
        ("numpy>=1.20", "numpy>=1.20"),
        ("torch~=2.1", "torch~=2.1"),
        ("tensorflow==2.15.0+cpu", "tensorflow==2.15.0+cpu"),
        ("uvicorn; python_version>\"3.8\"", "uvicorn ; python_full_version >= '3.9'"),
        (&url, &url),
        (&httpx, &httpx),
        ("requests[security]>=2.8.1,==2.8.*", "requests[security]==2.8.*,>=2.8.1"),
    ] {
        accept(pip, line, want);
    }

    let refused = [
        ("-r req.txt", "options"),
        ("--trusted-host=evil", "options"),
        ("--index-url=https://evil", "options"),
        ("-e .", "options"),
        ("file:///etc/passwd", "bare URLs"),
        ("${HOME}", "`$`"),
        ("git+ssh://git@example.org/x", "bare URLs"),
        ("pkg @ http://example.org/x.whl", "https"),
        ("pkg @ https://example.org/x.whl", "sha256"),
        ("pkg @ file:///etc/passwd", "https"),
        ("pkg @ git+https://example.org/x", "https"),
        ("./local", "bare URLs"),
        ("numpy; rm -rf /", ""),
        ("foo-==1", ""),
        ("nümpy", "ASCII"),
    ];
    for (line, want) in refused.iter().chain(HOSTILE) {
        refuse(pip, line, want);
    }

    let strict = PackageRules { pip_urls: false, ..PackageRules::default() };
    assert!(pip::parse(&url, &strict).unwrap_err().reason.contains("does not allow URLs"));
}

fn parse_lists(apt: &[&str], pip: &[&str]) -> Result<PackageLists, Refusal> {
    PackageLists::parse(&owned(apt), &[], &owned(pip), &PackageRules::default())
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn lists_outside_the_limits_are_refused() {
    assert_eq!(parse_lists(&["# nothing", ""], &[]), Err(Refusal::Empty));
    assert!(matches!(
        parse_lists(&vec!["jq"; 1_001], &[]),
        Err(Refusal::TooManyLines { lines: 1_001, .. })
    ));
    assert!(matches!(parse_lists(&[&"x".repeat(70_000)], &[]), Err(Refusal::TooLarge { .. })));
}

#[test]
fn comments_in_a_list_are_ignored() {
    assert_eq!(parse_lists(&["jq", "# x", "curl"], &["numpy"]).unwrap().apt.len(), 2);
}

#[test]
fn all_refused_lines_are_reported_together() {
    let refused = parse_lists(&["jq", "a b", "curl-"], &["-r x"]);

    let Err(Refusal::Lines(errors)) = refused else {
        panic!("expected an error for each line, got {refused:?}")
    };
    let lines: Vec<String> =
        errors.iter().map(|error| format!("{} {}", error.manager, error.line)).collect();
    assert_eq!(lines, ["apt 2", "apt 3", "pip 1"]);
}

const APT_LIKE: &str = "[a-z0-9+.:=/~ -]{0,24}";
const CONDA_LIKE: &str = "(-c )?[a-z:]{0,12}[a-z0-9=<>.*,| \\[\\]'-]{0,24}";
const PIP_LIKE: &str = "[a-z]{1,8}[a-z0-9\\[\\]=<>~!.,;@ \"_-]{0,24}";

proptest! {
    #[test]
    fn rendered_apt_line_parses_to_itself(line in prop_oneof![".{0,40}", APT_LIKE]) {
        if let Ok(Some(rendered)) = apt(&line) {
            prop_assert!(!rendered.starts_with('-') && !rendered.contains(char::is_whitespace));
            prop_assert_eq!(apt(&rendered), Ok(Some(rendered.clone())));
        }
    }

    #[test]
    fn rendered_conda_line_parses_to_itself(line in prop_oneof![".{0,40}", CONDA_LIKE]) {
        if let Ok(Some(rendered)) = conda(&line) {
            let is_option = rendered.starts_with('-') && !rendered.starts_with("-c ");
            prop_assert!(!rendered.contains('\n') && !is_option);
            prop_assert_eq!(conda(&rendered), Ok(Some(rendered.clone())));
        }
    }

    #[test]
    fn rendered_pip_line_parses_to_itself(line in prop_oneof![".{0,40}", PIP_LIKE]) {
        if let Ok(Some(rendered)) = pip(&line) {
            prop_assert!(!rendered.starts_with('-') && !rendered.contains('\n'));
            prop_assert_eq!(pip(&rendered), Ok(Some(rendered.clone())));
        }
    }
}
