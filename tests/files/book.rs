//! The pages of docs/ as a book: every command that they show is one that there is, and the tutorial does what it says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// A fenced block: what stands behind its fence, and its lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks = vec![];
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((info.trim().to_owned(), vec![])),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

/// The words of a line as a shell takes them: quotes hold words together, `#` and two spaces before a remark end it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let (mut word, mut quote, mut there) = (String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => (quote, there) = (Some(c), true),
            (None, '#') if !there => break,
            (None, '|' | '>' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => {
                if there {
                    words.push(std::mem::take(&mut word));
                }
                there = false;
            }
            (_, c) => {
                word.push(c);
                there = true;
            }
        }
    }
    if there {
        words.push(word);
    }
    words
}

/// The commands of shell blocks, without `smale` itself or the `cargo run` that stands for it.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = vec![];
    for (info, lines) in blocks(text) {
        if !matches!(info.split(' ').next(), Some("sh" | "console" | "bash")) {
            continue;
        }
        for line in lines {
            let line = line.trim_start_matches("$ ");
            let words = words(line);
            match words.first().map(String::as_str) {
                Some("smale") => found.push(words[1..].to_vec()),
                Some("cargo")
                    if words.get(1).is_some_and(|w| w == "run") && !words.contains(&"--example".into()) =>
                {
                    let rest = words.iter().skip_while(|w| *w != "--").skip(1);
                    found.push(rest.cloned().collect());
                }
                _ => {}
            }
        }
    }
    found
}

fn smale(arguments: &[String], at: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smale")).args(arguments).current_dir(at).output().unwrap()
}

#[test]
fn words_are_taken_as_a_shell_takes_them() {
    let line = "smale run a.toml --set \"energy=x[0]^2 # no remark\" --out b   # a remark";
    assert_eq!(words(line), ["smale", "run", "a.toml", "--set", "energy=x[0]^2 # no remark", "--out", "b"]);
    assert_eq!(words("smale schema > schema.json"), ["smale", "schema"]);
}

#[test]
fn every_command_of_the_book_parses() {
    let mut seen = BTreeSet::new();
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            for word in command.iter().filter(|w| w.starts_with("analyses/") && !w.contains('*')) {
                assert!(root().join(word).exists(), "{name}: {word} is not there");
            }
            // Whatever is wrong is found before the help is given.
            let asked: Vec<String> = command.iter().cloned().chain(["--help".into()]).collect();
            if seen.insert(asked.clone()) {
                let output = smale(&asked, root());
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name}: smale {}\n{said}", command.join(" "));
            }
        }
    }
    assert!(seen.len() > 20, "{}", seen.len());
}

#[test]
fn the_contents_name_every_page_once() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let count = summary.matches(&format!("]({name})")).count();
        assert_eq!(count, usize::from(!["README.md", "SUMMARY.md"].contains(&name.as_str())), "{name}");
    }
}

/// Links to other pages, files and pictures of the repository lead somewhere, those to a heading to one that is there.
#[test]
fn links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let prose: String = text.split("```").step_by(2).collect();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(path.exists(), "{name}: {target}");
            if !fragment.is_empty() && path.extension().is_some_and(|e| e == "md") {
                let there = std::fs::read_to_string(&path).unwrap();
                let mut headings =
                    there.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
                assert!(headings.any(|h| anchor(h) == fragment), "{name}: {target}");
            }
        }
    }
}

/// The files that the tutorial shows, the commands in their order, and what it says of them.
#[test]
fn the_tutorial_does_what_it_says() {
    let text = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for (info, lines) in blocks(&text) {
        if let Some((_, name)) = info.split_once(' ') {
            std::fs::write(folder.path().join(name), lines.join("\n") + "\n").unwrap();
            written += 1;
        }
    }
    assert_eq!(written, 2);
    let mut said = String::new();
    for mut command in commands(&text) {
        command.push("--quiet".into());
        let output = smale(&command, folder.path());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        said += &String::from_utf8_lossy(&output.stdout);
    }
    let summary = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name).join("summary.json")).unwrap())
            .unwrap()
    };
    // Two points stay apart while their distance is more than two sigma; the nearest are 0.41 from each other.
    assert_eq!(summary("study.results")["counts"][0], 6);
    assert_eq!(summary("study.results")["completeness"], "proven");
    assert_eq!(summary("wide.results")["counts"][0], 2);
    // By symmetry the points come in pairs: eight folds take six minima to one, five of them with a minimum.
    let events = std::fs::read_to_string(folder.path().join("noise.results/events.csv")).unwrap();
    assert!(events.lines().skip(1).all(|l| l.starts_with("fold,")), "{events}");
    assert_eq!(summary("classes.results")["memorization"]["memorized"], 0);
    // What the page shows of its output is the output.
    for (info, lines) in blocks(&text) {
        if info == "text" {
            for line in lines {
                assert!(said.contains(&line), "{line}");
            }
        }
    }
    for name in ["figures/portrait.png", "study.results/nodes.parquet", "study.results/graph.graphml"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}
