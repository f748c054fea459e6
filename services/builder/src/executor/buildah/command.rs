//! Command lines as data: a program, its flags and its arguments.

/// A command line. Its arguments reach the program unchanged; no shell interprets them.
#[derive(Debug, Clone, Default)]
pub(super) struct CommandLine {
    words: Vec<String>,
}

impl CommandLine {
    pub(super) fn new(program: &str) -> Self {
        Self::default().argument(program)
    }

    pub(super) fn buildah(subcommand: &str) -> Self {
        Self::new("buildah").argument(subcommand)
    }

    /// A fixed shell script, with the name that error messages of the shell show. Arguments that
    /// are added later are the script's `$1`, `$2`, ….
    pub(super) fn script(text: &str, name: &str) -> Self {
        Self::new("/bin/sh").argument("-c").argument(text).argument(name)
    }

    /// Adds a flag without a value, or one of the form `--name=value`.
    pub(super) fn switch(self, flag: impl Into<String>) -> Self {
        self.argument(flag)
    }

    /// Adds a flag and its value as two arguments.
    pub(super) fn flag(self, name: &str, value: impl Into<String>) -> Self {
        self.argument(name).argument(value)
    }

    pub(super) fn argument(mut self, argument: impl Into<String>) -> Self {
        self.words.push(argument.into());
        self
    }

    pub(super) fn arguments(
        mut self,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.words.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds a whole command, which the command so far executes.
    pub(super) fn then(self, command: Self) -> Self {
        self.arguments(command.words)
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }
}
