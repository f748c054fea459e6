//! The Containerfile of a build, and the context files that its steps read. Text of the user
//! appears in context files only, never in an instruction.

use std::fmt::Display;

use slipway_packages::{PackageLists, apt::AptPackage};

use crate::domain::step::Step;

/// The input of [`render`].
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe<'a> {
    /// `<registry>/<repository>@sha256:…`, as inspected.
    pub base: &'a str,
    /// The base's USER, validated; empty for root.
    pub base_user: &'a str,
    pub packages: &'a PackageLists,
    /// `<owner>/<name>` of the image. The grammar of names allows nothing that needs escaping.
    pub image_name: &'a str,
    /// The image's revision.
    pub revision: i32,
    pub build_id: &'a str,
}

/// A file in a step's folder of the build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    pub name: &'static str,
    pub text: String,
}

/// Constant scripts; they read package lines from files, one argument per line.
const APT_SCRIPT: &str = include_str!("apt.sh");
const PIP_SCRIPT: &str = include_str!("pip.sh");

/// Renders the Containerfile. The result depends on the recipe only.
pub fn render(recipe: &Recipe<'_>) -> String {
    let mut lines = vec![format!("FROM {}", recipe.base), "USER 0".to_owned()];

    if !recipe.packages.apt.is_empty() {
        lines.push(run_instruction(Step::Apt));
    }
    if !recipe.packages.pip.is_empty() {
        lines.push(run_instruction(Step::Pip));
    }

    if !recipe.base_user.is_empty() {
        lines.push(format!("USER {}", recipe.base_user));
    }
    lines.push(label_instruction(recipe));

    lines.into_iter().map(|line| line + "\n").collect()
}

fn run_instruction(step: Step) -> String {
    format!(
        "RUN --mount=type=bind,source={step},target=/run/slipway \
         [\"/bin/sh\", \"/run/slipway/{step}.sh\"]"
    )
}

fn label_instruction(recipe: &Recipe<'_>) -> String {
    format!(
        "LABEL org.opencontainers.image.title=\"{}\" \
         org.opencontainers.image.version=\"{}\" \
         org.opencontainers.image.base.name=\"{}\" \
         dev.slipway.build=\"{}\"",
        recipe.image_name, recipe.revision, recipe.base, recipe.build_id
    )
}

/// The files in the step's folder of the build context; none for a step that installs nothing.
pub fn context_files(step: Step, packages: &PackageLists) -> Vec<ContextFile> {
    match step {
        Step::Apt => {
            let relations = packages.apt.iter().filter_map(AptPackage::relation);
            let from_suites = packages.apt.iter().filter(|package| package.relation().is_none());

            vec![
                ContextFile { name: "apt.sh", text: APT_SCRIPT.to_owned() },
                ContextFile { name: "relations", text: to_lines(relations) },
                ContextFile { name: "from-suites", text: to_lines(from_suites) },
            ]
        }
        Step::Pip => vec![
            ContextFile { name: "pip.sh", text: PIP_SCRIPT.to_owned() },
            ContextFile { name: "requirements", text: to_lines(&packages.pip) },
        ],
        Step::Resolve | Step::Pull | Step::Commit | Step::Push => Vec::new(),
    }
}

fn to_lines(items: impl IntoIterator<Item: Display>) -> String {
    items.into_iter().map(|item| format!("{item}\n")).collect()
}

/// The step that starts with this line of buildah's output.
pub fn started_step(line: &[u8]) -> Option<Step> {
    let line = std::str::from_utf8(line).ok()?;
    if line.starts_with("COMMIT") {
        return Some(Step::Commit);
    }

    let instruction = line.strip_prefix("STEP ")?;
    Step::INSTALLS
        .into_iter()
        .find(|step| instruction.ends_with(&format!("\"/run/slipway/{step}.sh\"]")))
}

/// The step that buildah's closing error names. A step cannot forge it, because buildah prints it
/// after all output of the steps.
pub fn failed_step(tail: &str) -> Option<Step> {
    let error = tail.lines().rev().find(|line| line.starts_with("Error: building at STEP"))?;

    Step::INSTALLS.into_iter().find(|step| error.contains(&format!("/run/slipway/{step}.sh\"")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slipway_packages::PackageRules;

    use super::*;

    const BASE: &str = "localhost:5000/base@sha256:\
        6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";

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

    fn to_owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    fn packages(apt: &[&str], pip: &[&str]) -> PackageLists {
        PackageLists::parse(&to_owned(apt), &[], &to_owned(pip), &PackageRules::default()).unwrap()
    }

    #[test]
    fn containerfile_has_steps_user_and_labels() {
        let packages = packages(&["jq"], &["numpy>=1.20"]);

        let want = format!(
            "FROM {BASE}\n\
             USER 0\n\
             RUN --mount=type=bind,source=apt,target=/run/slipway \
             [\"/bin/sh\", \"/run/slipway/apt.sh\"]\n\
             RUN --mount=type=bind,source=pip,target=/run/slipway \
             [\"/bin/sh\", \"/run/slipway/pip.sh\"]\n\
             USER 1000:100\n\
             LABEL org.opencontainers.image.title=\"vision/torch\" \
             org.opencontainers.image.version=\"2\" \
             org.opencontainers.image.base.name=\"{BASE}\" \
             dev.slipway.build=\"0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d\"\n"
        );
        assert_eq!(render(&recipe(&packages, "1000:100")), want);
    }

    #[test]
    fn context_files_have_one_package_per_line() {
        let packages = packages(&["jq", "curl=7.88~rc1-1", "vim/bookworm"], &["numpy>=1.20"]);

        assert_eq!(context_files(Step::Apt, &packages)[1].text, "jq\ncurl (= 7.88~rc1-1)\n");
        assert_eq!(context_files(Step::Apt, &packages)[2].text, "vim/bookworm\n");
        assert_eq!(context_files(Step::Pip, &packages)[1].text, "numpy>=1.20\n");
    }

    #[test]
    fn steps_are_recognized_in_output_of_buildah() {
        let apt_starts = "STEP 3/6: RUN --mount=type=bind,source=apt,target=/run/slipway \
                          [\"/bin/sh\", \"/run/slipway/apt.sh\"]";
        assert_eq!(started_step(apt_starts.as_bytes()), Some(Step::Apt));
        assert_eq!(started_step(b"COMMIT x"), Some(Step::Commit));
        assert_eq!(started_step(b"Setting up jq"), None);

        let apt_failed = "COMMIT\nE: no\n\
                          Error: building at STEP \"RUN \
                          --mount=type=bind,source=apt,target=/run/slipway \
                          /bin/sh /run/slipway/apt.sh\": \
                          while running runtime: exit status 100";
        assert_eq!(failed_step(apt_failed), Some(Step::Apt));
        assert_eq!(failed_step("Error: committing"), None);
    }

    proptest! {
        /// No accepted line adds or changes an instruction.
        #[test]
        fn instructions_do_not_depend_on_the_lines(
            line in "[a-z0-9+.:=/~ -]{1,24}",
            requirement in "[a-z]{1,8}[a-z0-9=<>~!.,;@ _-]{0,24}",
        ) {
            let lists = PackageLists::parse(&[line], &[], &[requirement], &PackageRules::default());

            if let Ok(lists) = lists && (lists.apt.len(), lists.pip.len()) == (1, 1) {
                let fixed = packages(&["jq"], &["numpy"]);
                prop_assert_eq!(render(&recipe(&lists, "")), render(&recipe(&fixed, "")));
                prop_assert_eq!(context_files(Step::Pip, &lists)[1].text.lines().count(), 1);
            }
        }
    }
}
