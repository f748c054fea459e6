//! The Containerfile of a build, and the context files its steps read. No user text stands in an instruction.

use std::fmt::Write as _;

use slipway_packages::PackageLists;

/// What the pure rendering needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe<'a> {
    /// `<registry>/<repository>@sha256:…`, as inspected.
    pub base: &'a str,
    /// The base's USER, checked; empty for root.
    pub base_user: &'a str,
    /// Parsed lines.
    pub packages: &'a PackageLists,
    /// `<owner>/<name>` of the image; a name's grammar needs no escaping.
    pub image_name: &'a str,
    /// Of the image.
    pub revision: i32,
    /// Of the build.
    pub build_id: &'a str,
}

/// One file of the context, read by a fixed script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Name in the context folder.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// Steps in the order of their layers.
pub const STEPS: &[&str] = &["apt", "pip"];

/// Fixed text: reads packages from a file, one argument a line.
const APT_SCRIPT: &str = include_str!("apt.sh");
const PIP_SCRIPT: &str = include_str!("pip.sh");

/// The same recipe gives the same text.
pub fn render(recipe: &Recipe<'_>) -> String {
    let mut text = format!("FROM {}\nUSER 0\n", recipe.base);
    for (step, present) in
        [("apt", !recipe.packages.apt.is_empty()), ("pip", !recipe.packages.pip.is_empty())]
    {
        if present {
            let _ = writeln!(
                text,
                "RUN --mount=type=bind,source={step},target=/run/slipway [\"/bin/sh\", \"/run/slipway/{step}.sh\"]"
            );
        }
    }
    if !recipe.base_user.is_empty() {
        let _ = writeln!(text, "USER {}", recipe.base_user);
    }
    let _ = writeln!(
        text,
        "LABEL org.opencontainers.image.title=\"{}\" org.opencontainers.image.version=\"{}\" org.opencontainers.image.base.name=\"{}\" dev.slipway.build=\"{}\"",
        recipe.image_name, recipe.revision, recipe.base, recipe.build_id
    );
    text
}

/// What the step's folder of the context holds.
pub fn context(step: &str, packages: &PackageLists) -> Vec<ContextFile> {
    let lines =
        |lines: Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    match step {
        "apt" => {
            let relations = packages
                .apt
                .iter()
                .filter_map(slipway_packages::apt::AptPackage::relation)
                .collect();
            let from_suites = packages
                .apt
                .iter()
                .filter(|package| package.relation().is_none())
                .map(ToString::to_string)
                .collect();
            vec![
                ContextFile { name: "apt.sh", text: APT_SCRIPT.to_owned() },
                ContextFile { name: "relations", text: lines(relations) },
                ContextFile { name: "from-suites", text: lines(from_suites) },
            ]
        }
        "pip" => vec![
            ContextFile { name: "pip.sh", text: PIP_SCRIPT.to_owned() },
            ContextFile {
                name: "requirements",
                text: lines(packages.pip.iter().map(ToString::to_string).collect()),
            },
        ],
        _ => Vec::new(),
    }
}

/// The step that an output line of buildah begins, if it is one of ours.
pub fn step_begun(line: &[u8]) -> Option<&'static str> {
    let line = std::str::from_utf8(line).ok()?;
    if line.starts_with("COMMIT") {
        return Some("commit");
    }
    let instruction = line.strip_prefix("STEP ")?;
    STEPS
        .iter()
        .copied()
        .find(|step| instruction.ends_with(&format!("\"/run/slipway/{step}.sh\"]")))
}

/// The step that buildah's last words name, which no step's output can follow.
pub fn step_failed(tail: &str) -> Option<&'static str> {
    let last = tail.lines().rev().find(|line| line.starts_with("Error: building at STEP"))?;
    STEPS.iter().copied().find(|step| last.contains(&format!("/run/slipway/{step}.sh\"")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slipway_packages::Policy;

    use super::*;

    const BASE: &str = "localhost:5000/base@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";

    fn recipe<'a>(packages: &'a PackageLists, base_user: &'a str) -> Recipe<'a> {
        Recipe {
            base: BASE,
            base_user,
            packages,
            image_name: "vision/torch",
            revision: 2,
            build_id: "0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d",
        }
    }

    fn packages(apt: &[&str], pip: &[&str]) -> PackageLists {
        let own = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        PackageLists::parse(&own(apt), &[], &own(pip), &Policy::default()).unwrap()
    }

    #[test]
    fn rendered() {
        let packages = packages(&["jq", "curl=7.88~rc1-1", "vim/bookworm"], &["numpy>=1.20"]);
        let want = format!(
            "FROM {BASE}\nUSER 0\n\
             RUN --mount=type=bind,source=apt,target=/run/slipway [\"/bin/sh\", \"/run/slipway/apt.sh\"]\n\
             RUN --mount=type=bind,source=pip,target=/run/slipway [\"/bin/sh\", \"/run/slipway/pip.sh\"]\n\
             USER 1000:100\n\
             LABEL org.opencontainers.image.title=\"vision/torch\" org.opencontainers.image.version=\"2\" org.opencontainers.image.base.name=\"{BASE}\" \
             dev.slipway.build=\"0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d\"\n"
        );
        assert_eq!(render(&recipe(&packages, "1000:100")), want);
        assert_eq!(context("apt", &packages)[1].text, "jq\ncurl (= 7.88~rc1-1)\n");
        assert_eq!(context("apt", &packages)[2].text, "vim/bookworm\n");
        assert_eq!(context("pip", &packages)[1].text, "numpy>=1.20\n");
    }

    #[test]
    fn steps_are_recognized() {
        assert_eq!(step_begun(br#"STEP 3/6: RUN --mount=type=bind,source=apt,target=/run/slipway ["/bin/sh", "/run/slipway/apt.sh"]"#), Some("apt"));
        assert_eq!(step_begun(b"COMMIT x"), Some("commit"));
        assert_eq!(step_begun(b"Setting up jq"), None);
        let tail = "COMMIT\nE: no\nError: building at STEP \"RUN --mount=type=bind,source=apt,target=/run/slipway /bin/sh /run/slipway/apt.sh\": while running runtime: exit status 100";
        assert_eq!(step_failed(tail), Some("apt"));
        assert_eq!(step_failed("Error: committing"), None);
    }

    proptest! {
        /// No accepted line adds or changes an instruction.
        #[test]
        fn instructions_do_not_depend_on_the_lines(line in "[a-z0-9+.:=/~ -]{1,24}", requirement in "[a-z]{1,8}[a-z0-9=<>~!.,;@ _-]{0,24}") {
            let own = |line: String| vec![line];
            if let Ok(lists) = PackageLists::parse(&own(line), &[], &own(requirement), &Policy::default())
                && (lists.apt.len(), lists.pip.len()) == (1, 1)
            {
                let fixed = packages(&["jq"], &["numpy"]);
                prop_assert_eq!(render(&recipe(&lists, "")), render(&recipe(&fixed, "")));
                prop_assert_eq!(context("pip", &lists)[1].text.lines().count(), 1);
            }
        }
    }
}
