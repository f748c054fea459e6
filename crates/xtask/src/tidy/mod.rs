//! The rules of layout and form that no other tool checks. Each has a fixture that it rejects.

mod form;
mod layers;
mod matrix;
mod messages;
mod modules;
mod queries;
mod readme;
pub(crate) mod source;

use anyhow::{Result, bail};

use crate::tidy::{modules::Package, source::Source};

/// Complaints about one file, without its name.
type FileRule = fn(&Source) -> Vec<String>;
/// Complaints about the files of one package.
type PackageRule = fn(&Package) -> Vec<String>;

const FILE_RULES: &[FileRule] = &[
    form::modules_are_described,
    form::files_are_short,
    form::functions_have_paragraphs,
    form::bindings_are_simple,
    form::lines_are_narrow,
    layers::banned_crates,
    queries::columns_are_named,
    queries::parameters_are_named,
];
const PACKAGE_RULES: &[PackageRule] = &[layers::forbidden_arrows, layers::import_cycles];

/// Checks the whole repository.
pub(crate) fn run() -> Result<()> {
    let sources = Source::all()?;

    let mut complaints = Vec::new();
    for source in &sources {
        let found = FILE_RULES.iter().flat_map(|rule| rule(source));
        complaints.extend(found.map(|complaint| format!("{}: {complaint}", source.path)));
    }
    for package in Package::all(&sources) {
        complaints.extend(PACKAGE_RULES.iter().flat_map(|rule| rule(&package)));
    }
    complaints.extend(matrix::unlisted_rpcs()?);
    complaints.extend(readme::missing_items(&sources)?);
    complaints.extend(messages::changed(&sources)?);

    if !complaints.is_empty() {
        bail!("{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    }
    Ok(())
}

/// Writes the list of messages anew.
pub(crate) fn write_messages() -> Result<()> {
    messages::write(&Source::all()?)
}
