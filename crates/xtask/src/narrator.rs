//! Tells a story of commands as it happens: each with its title, itself, its output line by line, and whether it showed what it must.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

pub(crate) struct Narrator {
    steps: usize,
    told: Vec<(String, f32)>,
}

/// What a command must show.
pub(crate) struct Expected<'a> {
    pub(crate) code: i32,
    pub(crate) text: &'a [&'a str],
}

impl Narrator {
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps, told: Vec::new() }
    }

    /// Runs the command, its output shown as it comes; returns it.
    pub(crate) fn step(
        &mut self,
        title: &str,
        line: &str,
        command: &mut Command,
        expected: &Expected<'_>,
    ) -> Result<String> {
        let began = Instant::now();
        self.begin(title, line);
        let (reader, writer) = std::io::pipe()?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut text = String::new();
        for line in BufReader::new(reader).lines() {
            let line = line?;
            println!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
        let code = child.wait()?.code().unwrap_or(-1);
        let held = code == expected.code && expected.text.iter().all(|part| text.contains(part));
        self.end(
            title,
            held,
            &format!("`{}`, exit code {}", expected.text.join("`, `"), expected.code),
            began,
        )?;
        Ok(text)
    }

    /// Waits until what happens in the background has shown what it must.
    pub(crate) fn wait_for(
        &mut self,
        title: &str,
        line: &str,
        expected: &str,
        mut has_happened: impl FnMut() -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        self.begin(title, line);
        let mut held = has_happened();
        while !held && began.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(50));
            held = has_happened();
        }
        self.end(title, held, expected, began)
    }

    fn begin(&self, title: &str, line: &str) {
        println!("\n── {}/{} {title}\n$ {line}", self.told.len() + 1, self.steps);
    }

    fn end(&mut self, title: &str, held: bool, expected: &str, began: Instant) -> Result<()> {
        self.told.push((title.to_owned(), began.elapsed().as_secs_f32()));
        if !held {
            bail!("step {} `{title}` did not show {expected}", self.told.len());
        }
        println!("✓ expected {expected}");
        Ok(())
    }

    pub(crate) fn table(&self) {
        println!("\n{:>4}  {:>8}  step", "", "seconds");
        for (number, (title, seconds)) in self.told.iter().enumerate() {
            println!("{:>4}  {seconds:>8.1}  {title}", number + 1);
        }
    }
}

/// A command in the background whose lines are shown between the others', each as `show` makes it.
pub(crate) struct Aside {
    child: Child,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Aside {
    pub(crate) fn start(
        command: &mut Command,
        show: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let output = child.stdout.take().context("a child without its output")?;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = shown.clone();
        thread::spawn(move || {
            for line in
                BufReader::new(output).lines().map_while(Result::ok).filter_map(|line| show(&line))
            {
                println!("    ◂ {line}");
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { child, shown })
    }

    /// Whether a line with this word has been shown.
    pub(crate) fn has_shown(&self, word: &str) -> bool {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|line| line.contains(word))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
