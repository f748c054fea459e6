//! Which file of a package uses which: imports and paths, resolved through re-exports to the file
//! that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

use crate::tidy::source::{Source, is_under_test};

/// Re-exports of re-exports are followed this far.
const DEEPEST_REEXPORT: usize = 8;

type ModulePath = Vec<String>;

/// The files of one package and their uses of each other. Files are named relative to `src`.
pub(super) struct Package {
    pub(super) folder: String,
    files: BTreeMap<ModulePath, File>,
}

#[derive(Default)]
struct File {
    name: String,
    uses: BTreeSet<ModulePath>,
    reexports: BTreeMap<String, ModulePath>,
    glob_reexports: Vec<ModulePath>,
}

impl Package {
    /// All packages with a `src` folder among the sources.
    pub(super) fn all(sources: &[Source]) -> Vec<Self> {
        let mut folders: BTreeMap<&str, Vec<(&str, &Source)>> = BTreeMap::new();
        for source in sources {
            if let Some((folder, name)) = source.path.split_once("/src/") {
                folders.entry(folder).or_default().push((name, source));
            }
        }

        folders.into_iter().map(|(folder, files)| Self::new(folder, &files)).collect()
    }

    fn new(folder: &str, sources: &[(&str, &Source)]) -> Self {
        let has_library = sources.iter().any(|(name, _)| *name == "lib.rs");
        let is_in_tree = |name: &str| !(has_library && name == "main.rs");

        let named: Vec<_> = sources.iter().filter(|(name, _)| is_in_tree(name)).collect();
        let modules: BTreeSet<_> = named.iter().map(|(name, _)| module_path(name)).collect();
        let files = named.into_iter().map(|(name, source)| {
            let module = module_path(name);
            (module.clone(), File::read(name, source, &module, &modules))
        });
        Self { folder: folder.to_owned(), files: files.collect() }
    }

    /// Pairs of file names: the first one uses an item of the second one.
    pub(super) fn arrows(&self) -> BTreeSet<(String, String)> {
        let mut arrows = BTreeSet::new();
        for file in self.files.values() {
            for path in &file.uses {
                let Some(target) = self.resolve(path, DEEPEST_REEXPORT) else { continue };
                if target.name != file.name {
                    arrows.insert((file.name.clone(), target.name.clone()));
                }
            }
        }
        arrows
    }

    /// Groups of files that use each other in a circle.
    pub(super) fn cycles(&self) -> Vec<Vec<String>> {
        let arrows = self.arrows();
        let mut cycles: BTreeSet<Vec<String>> = BTreeSet::new();

        for file in self.files.values() {
            let forward = reachable(&file.name, |name| targets(&arrows, name));
            let circle: Vec<String> = forward
                .iter()
                .filter(|other| {
                    reachable(other, |name| targets(&arrows, name)).contains(&file.name)
                })
                .cloned()
                .collect();
            if circle.len() > 1 {
                cycles.insert(circle);
            }
        }
        cycles.into_iter().collect()
    }

    /// The file that defines the item of this path.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&File> {
        let mut module = ModulePath::new();
        for (index, segment) in path.iter().enumerate() {
            let child = joined(&module, std::slice::from_ref(segment));
            if self.files.contains_key(&child) {
                module = child;
                continue;
            }

            let file = self.files.get(&module)?;
            return self.reexported(file, &path[index..], depth).or(Some(file));
        }
        self.files.get(&module)
    }

    /// The file behind `pub use`, where the first segment of the path is re-exported.
    fn reexported(&self, file: &File, path: &[String], depth: usize) -> Option<&File> {
        let (name, rest) = path.split_first()?;
        if depth == 0 {
            return None;
        }
        if let Some(target) = file.reexports.get(name) {
            return self.resolve(&joined(target, rest), depth - 1);
        }

        // Which items a file defines is unknown here, so a name that is not re-exported by name is
        // assumed to come from a glob.
        file.glob_reexports.iter().find_map(|target| self.resolve(&joined(target, path), depth - 1))
    }
}

impl File {
    fn read(
        name: &str,
        source: &Source,
        module: &[String],
        modules: &BTreeSet<ModulePath>,
    ) -> Self {
        let file = Self { name: name.to_owned(), ..Self::default() };
        let mut reader = Reader { file, module, modules };

        for item in &source.syntax.items {
            reader.visit_item(item);
        }
        reader.file
    }
}

struct Reader<'a> {
    file: File,
    module: &'a [String],
    modules: &'a BTreeSet<ModulePath>,
}

impl Reader<'_> {
    /// The path from the package's root; `None` for a path into another package.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;

        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(joined(self.module, rest)),
            "super" => {
                let parent = &self.module[..self.module.len().saturating_sub(1)];
                Some(joined(parent, rest))
            }
            _ => {
                let is_child = self.modules.contains(&joined(self.module, &path[..1]));
                is_child.then(|| joined(self.module, path))
            }
        }
    }

    fn read_use(&mut self, tree: &UseTree, prefix: &[String], is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                let prefix = joined(prefix, &[path.ident.to_string()]);
                self.read_use(&path.tree, &prefix, is_public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(tree, prefix, is_public);
                }
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.record(&used_path(prefix, &name), &name, is_public);
            }
            UseTree::Rename(rename) => {
                let path = used_path(prefix, &rename.ident.to_string());
                self.record(&path, &rename.rename.to_string(), is_public);
            }
            UseTree::Glob(_) => {
                let Some(path) = self.absolute(prefix) else { return };
                if is_public {
                    self.file.glob_reexports.push(path);
                } else {
                    self.file.uses.insert(path);
                }
            }
        }
    }

    fn record(&mut self, path: &[String], name: &str, is_public: bool) {
        let Some(path) = self.absolute(path) else { return };
        if is_public {
            self.file.reexports.insert(name.to_owned(), path);
        } else {
            self.file.uses.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_test = matches!(item, Item::Mod(ItemMod { attrs, .. }) if is_under_test(attrs));
        if !is_test {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.read_use(&item.tree, &[], is_public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(path) = self.absolute(&segments)
        {
            self.file.uses.insert(path);
        }
        visit::visit_path(self, path);
    }
}

/// `use a::{self}` names `a` itself.
fn used_path(prefix: &[String], name: &str) -> ModulePath {
    if name == "self" && !prefix.is_empty() {
        prefix.to_vec()
    } else {
        joined(prefix, &[name.to_owned()])
    }
}

fn joined(left: &[String], right: &[String]) -> ModulePath {
    [left, right].concat()
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`; the root of the package is empty.
fn module_path(name: &str) -> ModulePath {
    let stem = name.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);

    if matches!(stem, "lib" | "main" | "mod") {
        return ModulePath::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

fn targets<'a>(arrows: &'a BTreeSet<(String, String)>, name: &str) -> Vec<&'a str> {
    arrows.iter().filter(|(from, _)| from == name).map(|(_, to)| to.as_str()).collect()
}

/// Everything that can be reached from `start` in one step or more.
fn reachable<'a>(start: &str, next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next(start);

    while let Some(name) = open.pop() {
        if found.insert(name.to_owned()) {
            open.extend(next(name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(files: &[(&str, &str)]) -> Package {
        let sources: Vec<_> = files
            .iter()
            .map(|(name, text)| Source::parse(&format!("crates/x/src/{name}"), text).expect("Rust"))
            .collect();
        Package::all(&sources).remove(0)
    }

    #[test]
    fn imports_and_paths_are_arrows_and_reexports_are_followed() {
        let package = package(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::inner::Item;\n"),
            ("a/mod.rs", "mod inner;\npub use inner::Item as Thing;\n"),
            ("a/inner.rs", "pub struct Item;\n"),
            ("b.rs", "use crate::a::{self, Thing};\nfn f() { crate::c::g() }\nuse super::Item;\n"),
            ("c.rs", "#[cfg(test)]\nmod tests { use crate::b; }\n"),
        ]);

        let arrows: Vec<_> = package.arrows().into_iter().collect();
        let arrow = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let expected = ["a/inner.rs", "a/mod.rs", "c.rs"].map(|to| arrow("b.rs", to));
        assert_eq!(arrows, expected);
        assert_eq!(package.cycles(), Vec::<Vec<String>>::new());
    }

    #[test]
    fn files_that_use_each_other_are_found() {
        let package = package(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
        ]);

        assert_eq!(package.cycles(), [["a.rs", "b.rs", "c.rs"].map(str::to_owned)]);
    }
}
