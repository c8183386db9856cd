//! The command: what it says of wrong input, its help, its schema and its manners.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn smale(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smale")).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a small study and its points.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "points.csv", "1,0\n-1,0\n");
    write(&folder, "study.toml", study("sigma = 0.5\n"));
    folder
}

fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.path().join(name), content).unwrap();
}

fn study(rest: &str) -> String {
    format!("[landscape]\nkind = \"mixture\"\ndata = \"points.csv\"\n{rest}")
}

/// Runs `smale` and checks that it refuses its input with one error that holds all of `parts`; what it said.
fn refuses(folder: &TempDir, arguments: &[&str], parts: &[&str]) -> String {
    let output = smale(folder, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty());
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(!said.contains("panicked") && !said.contains('\u{1b}'), "{said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: no {part:?} in\n{said}");
    }
    said
}

#[test]
fn garbage_studies_are_refused_with_their_line() {
    let folder = folder();
    for (content, parts) in [
        (String::new(), &["bad.toml", "empty"][..]),
        ("# nothing\n".into(), &["empty"]),
        ("[landscape]\n".into(), &["bad.toml:1:1", "`kind`", "mixture"]),
        ("title = 3\n[landscape]\nkind = \"mixture\"\n".into(), &["bad.toml:1:9", "`title`", "quotes"]),
        (
            "[landscape]\nkind = \"mixtrue\"\n".into(),
            &["bad.toml:2:8", "did you mean \"mixture\"", "^^^^^^^^^"],
        ),
        ("1,0\n-1,0\n".into(), &["bad.toml:1:", "TOML"]),
        ("[landscape]\nkind = \"mixture\nsigma = 1\n".into(), &["bad.toml:2:"]),
        (study("sigma = 0.5\nsigma = 1\n"), &["bad.toml:5:", "duplicate"]),
        (study("simga = 0.5\n"), &["bad.toml:4:1", "`simga`", "`sigma`"]),
        (study("sigma = \"0.5\"\n"), &["bad.toml:4:9", "`sigma`", "a text"]),
        (study("sigma = [1]\n"), &["bad.toml:4:9", "an array"]),
        (study("sigma = nan\n"), &["bad.toml:4:9", "NaN"]),
        (study("sigma = -inf\n"), &["bad.toml:4:9", "-inf"]),
        (study("sigma = -1\n"), &["bad.toml:4:9", "sigma"]),
        (study("sigma = 1\nrows = 9\n"), &["bad.toml:5:8", "row 9", "2"]),
        (study("sigma = 1\nweights = [1]\n"), &["bad.toml:5:11", "weights"]),
        (study("sigma = 1\n[critical]\nrounds = 1.5\n"), &["bad.toml:6:10", "whole number", "1.5"]),
        (study("sigma = 1\n[critical]\nmethod = \"complete\"\n"), &["bad.toml:6:10", "method = \"search\""]),
        (study("sigma = 1\n[graf]\n"), &["bad.toml:5:2", "did you mean `graph`"]),
        (study("sigma = 1\n[region]\nball = { radius = -1 }\n"), &["bad.toml:6:19", "positive"]),
        (
            study("sigma = 1\n[region]\nball = { center = [0], radius = 1 }\n"),
            &["bad.toml:6:19", "dimension 2"],
        ),
    ] {
        write(&folder, "bad.toml", &content);
        refuses(&folder, &["run", "bad.toml"], parts);
        assert!(!folder.path().join("bad.results").exists(), "no folder for nothing");
    }
    write(&folder, "bad.toml", [b'[', 0xff, 0, 1]);
    refuses(&folder, &["run", "bad.toml"], &["bad.toml", "no text"]);
    refuses(&folder, &["run", "none.toml"], &["none.toml", "no such"]);
    refuses(&folder, &["run", "."], &["folder"]);
    refuses(&folder, &["run", "points.csv"], &["points.csv:1:"]);
}

#[test]
fn garbage_data_are_refused_with_their_line() {
    let folder = folder();
    for (content, parts) in [
        ("1,0\n1\n", &["points.csv:2:1", "1 field"][..]),
        ("x,y\n1,0\n1,nan\n", &["points.csv:3:3", "(`y`)", "nan"]),
        ("1,0\n1,inf\n", &["points.csv:2:3", "inf"]),
        ("", &["points.csv:1:1", "empty"]),
        ("# nothing\n\n", &["points.csv:1:1", "comments only"]),
        ("# by hand\nx,y\n", &["points.csv:2:1", "header"]),
    ] {
        write(&folder, "points.csv", content);
        refuses(&folder, &["critical", "study.toml"], parts);
    }
    write(&folder, "points.csv", [b'1', b',', b'0', b'\n', 0xff, 0xfe]);
    refuses(&folder, &["critical", "study.toml"], &["points.csv, line 2", "study.toml:3:8"]);

    // Arrays have no lines: they are named, with what of them is wrong, and the line of the study is shown.
    let fixture = |name: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
    };
    let cut = |name: &str| {
        let bytes = fixture(name);
        bytes[..bytes.len() - 8].to_vec()
    };
    for (name, bytes, part) in [
        ("a.npy", vec![], "empty"),
        ("a.npy", fixture("scalar.npy"), "single number"),
        ("a.npy", fixture("empty.npy"), "shape"),
        ("a.npy", fixture("nan.npy"), "row 2, column 2 is NaN"),
        ("a.npy", fixture("complex.npy"), "no real numbers"),
        ("a.npy", cut("f8.npy"), "cut off"),
        ("a.npy", b"1,2\n".to_vec(), "no readable npy"),
        ("a.npz", vec![], "empty"),
        ("a.npz", cut("two.npz"), "no readable npz"),
        ("a.npz", fixture("two.npz"), "2 arrays"),
        ("a.npz#z", fixture("two.npz"), "no array `z`"),
        ("a.safetensors", vec![], "empty"),
        ("a.safetensors", cut("bf16.safetensors"), "no readable safetensors"),
        ("a.safetensors", fixture("some.safetensors"), "4 arrays"),
    ] {
        let file = name.split('#').next().unwrap();
        write(&folder, file, bytes);
        write(&folder, "array.toml", study("sigma = 1\n").replace("points.csv", name));
        refuses(&folder, &["critical", "array.toml"], &["array.toml:3:8", file, part]);
    }
    std::fs::remove_file(folder.path().join("points.csv")).unwrap();
    refuses(&folder, &["graph", "study.toml"], &["study.toml:3:8", "points.csv", "no such file", "^"]);
    std::fs::create_dir(folder.path().join("points.csv")).unwrap();
    refuses(&folder, &["graph", "study.toml"], &["study.toml:3:8", "folder"]);
}

#[test]
fn wrong_flags_are_refused() {
    let folder = folder();
    for (arguments, parts) in [
        (&["run"][..], &["--landscape"][..]),
        (&["run", "study.toml", "--threads", "0"], &["--threads"]),
        (&["run", "study.toml", "--seed", "-1"], &["seed", "-1"]),
        (&["run", "study.toml", "--set", "sigma"], &["--set", "`=`"]),
        (&["run", "study.toml", "--set", "sigma=wide"], &["--set", "sigma=wide", "^^^^"]),
        (&["run", "study.toml", "--set", "critical.round=2"], &["`round`", "`rounds`"]),
        (&["run", "study.toml", "--landscape", "mixture"], &["--landscape"]),
        (&["graph", "--landscape", "mixtrue"], &["--landscape", "\"mixture\""]),
        (&["graph", "--landscape", "mixture", "--data", "no.csv", "--set", "sigma=1"], &["--data", "no.csv"]),
        (&["graph", "--landscape", "mixture", "--data", "points.csv"], &["sigma"]),
        (&["run", "study.toml", "--out", "points.csv"], &["points.csv", "not a folder"]),
        (&["landscapes", "mixtrue"], &["mixture"]),
        (&["grap"], &["graph"]),
    ] {
        refuses(&folder, arguments, parts);
    }
}

/// Whatever is typed, what is said of it can be read at a glance.
#[test]
fn long_input_is_not_echoed_whole() {
    let folder = folder();
    let terms = (1..400).map(|i| format!("x[0]^{i}")).collect::<Vec<_>>().join(" + ");
    let name = "a".repeat(3000);
    let digits = "9".repeat(400);
    let formula = |energy: &str| {
        format!("[landscape]\nkind = \"formula\"\ndim = 2\nenergy = \"{energy}\"\n").into_bytes()
    };
    for (content, part) in [
        (formula(&format!("{terms} + q + {terms}")), "+ q +"),
        (formula(&format!("{terms} {name}")), "aaa..."),
        (formula(&format!("{name}[0]")), "aaa..."),
        (formula(&format!("{name}(x)")), "aaa..."),
        (formula("x[1e300]"), "1e300"),
        (formula(&digits), "999..."),
        (study("sigma = -1e300\n").into_bytes(), "-1e300"),
        (study("sigma = 1e-300\n").into_bytes(), "1e-300"),
        (study("sigma = 0.5\nconfinement = -1e300\n").into_bytes(), "-1e300"),
        (study("sigma = 0.5\nweights = [1, -1e300]\n").into_bytes(), "-1e300"),
        (study(&format!("sigma = 0.5\nrows = {digits}\n")).into_bytes(), "rows"),
        (study("sigma = 0.5\n[region]\nball = { radius = -1e300 }\n").into_bytes(), "-1e300"),
        (study("sigma = 0.5\n[region]\nbox = { lower = 1e300, upper = 0 }\n").into_bytes(), "1e300"),
        (study("sigma = 0.5\n[graph]\ntolerance = -1e-300\n").into_bytes(), "-1e-300"),
        (study(&format!("sigma = 0.5\n{name} = 1\n")).into_bytes(), "aaa..."),
        (format!("[landscape]\nkind = \"{name}\"\n").into_bytes(), "aaa..."),
    ] {
        write(&folder, "long.toml", content);
        let said = refuses(&folder, &["run", "long.toml"], &[part]);
        assert!(said.lines().all(|l| l.chars().count() <= 350), "{said}");
    }
    write(&folder, "points.csv", format!("1,0\n{name},1\n"));
    for arguments in [
        &["run", "study.toml"][..],
        &["graph", "--landscape", "mixture", "--set", &name],
        &["graph", "--landscape", "mixture", "--set", &format!("{name}.b=1"), "--set", "kind.c=1"],
        &["graph", "--landscape", &name],
    ] {
        let said = refuses(&folder, arguments, &[]);
        assert!(said.lines().all(|l| l.chars().count() <= 250), "{said}");
    }
}

#[test]
fn help_and_version() {
    let folder = folder();
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["critical", "--help"],
        &["graph", "--help"],
        &["lyapunov", "--help"],
        &["landscapes", "--help"],
        &["schema", "--help"],
        &["help", "run"],
    ] {
        let output = smale(&folder, arguments);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Usage"), "{arguments:?}");
    }
    assert!(text(&smale(&folder, &["graph", "--help"]).stdout).contains("--set sigma=0.35"));
    assert_eq!(
        text(&smale(&folder, &["--version"]).stdout),
        concat!("smale ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn landscapes_are_listed_with_their_keys() {
    let folder = folder();
    let list = text(&smale(&folder, &["landscapes"]).stdout);
    for kind in smale::landscape::KINDS {
        assert!(list.lines().any(|l| l.starts_with(kind.name)), "{list}");
        let shown = text(&smale(&folder, &["landscapes", kind.name]).stdout);
        assert!(kind.keys.iter().all(|k| shown.contains(k.name)) && shown.contains("[landscape]"), "{shown}");
    }
    let output = smale(&folder, &["landscapes", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), smale::landscape::KINDS.len());
}

#[test]
fn the_schema_names_every_key() {
    let folder = folder();
    let output = smale(&folder, &["schema"]);
    assert!(output.status.success());
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let top = &schema["properties"];
    for key in [
        "title",
        "seed",
        "landscape",
        "region",
        "critical",
        "graph",
        "lyapunov",
        "continue",
        "measure",
        "certify",
        "report",
    ] {
        assert!(top[key].is_object(), "{key}");
    }
    for (section, keys) in [
        ("region", &["ball", "box"][..]),
        ("critical", &["method", "max_index", "rounds", "degenerate_tolerance", "neighbours"]),
        ("graph", &["tolerance"]),
        ("report", &["image", "title"]),
    ] {
        for key in keys {
            assert!(top[section]["properties"][*key].is_object(), "{section}.{key}");
        }
    }
    let kinds = top["landscape"]["oneOf"].as_array().unwrap();
    for (kind, schema) in smale::landscape::KINDS.iter().zip(kinds) {
        assert_eq!(schema["properties"]["kind"]["const"], kind.name);
        for key in kind.keys {
            assert!(schema["properties"][key.name].is_object(), "{}.{}", kind.name, key.name);
        }
    }
    let output = smale(&folder, &["schema", "--out", "here"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(folder.path().join("here/schema.json").exists());
}

/// Every bound of the schema is where the check draws the line.
#[test]
fn the_schema_and_the_checks_agree() {
    let folder = folder();
    let output = smale(&folder, &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sections = &schema["properties"];
    let accepted = |section: &str, key: &str, value: &str| {
        write(&folder, "bound.toml", study(&format!("sigma = 2.0\n[{section}]\n{key} = {value}\n")));
        let output = smale(&folder, &["critical", "bound.toml", "--out", "bound"]);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{}", text(&output.stderr));
        output.status.success()
    };
    let mut bounds = 0;
    for section in ["critical", "graph", "lyapunov"] {
        for (key, value) in sections[section]["properties"].as_object().unwrap() {
            if let Some(least) = value["minimum"].as_i64() {
                assert!(accepted(section, key, &least.to_string()), "{key} = {least}");
                assert!(!accepted(section, key, &(least - 1).to_string()), "{key} = {}", least - 1);
                bounds += 1;
            }
            if let Some(limit) = value["exclusiveMinimum"].as_f64() {
                assert!(!accepted(section, key, &format!("{limit:?}")), "{key} = {limit}");
                assert!(accepted(section, key, &format!("{:?}", limit + 1e-12)), "{key} above {limit}");
                bounds += 1;
            }
        }
    }
    assert_eq!(bounds, 7);
    let methods = sections["critical"]["properties"]["method"]["enum"].as_array().unwrap();
    for method in ["auto", "search", "complete", "guess"] {
        let listed = methods.iter().any(|m| m == method);
        assert_eq!(accepted("critical", "method", &format!("{method:?}")), listed, "{method}");
    }
    for (value, good) in [("{ radius = 0 }", false), ("{ radius = 3.0 }", true)] {
        assert_eq!(accepted("region", "ball", value), good, "{value}");
    }
    assert_eq!(
        sections["region"]["properties"]["ball"]["properties"]["radius"]["exclusiveMinimum"].as_f64(),
        Some(0.0)
    );
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smale"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_so() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_smale")).arg("schema").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("standard output"));
}

#[test]
fn a_study_runs_into_a_folder_of_its_name() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("study.results")).unwrap();
    write(&folder, "study.results/mine.txt", "mine");
    let output = smale(&folder, &["run", "study.toml", "--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("results: study.results"));
    let results = folder.path().join("study.results");
    let read = |name: &str| std::fs::read(results.join(name)).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&read("summary.json")).unwrap();
    // Two memories at distance 2 merge at sigma = 1: below there are two minima and a saddle.
    assert_eq!(summary["counts"], serde_json::json!([2, 1]));
    assert_eq!(read("mine.txt"), b"mine");
    assert!(
        std::fs::read_dir(&results).unwrap().all(|f| !f
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.'))
    );

    let output = smale(&folder, &["run", "study.toml", "--quiet", "--set", "sigma=1.5", "--out", "wide"]);
    assert!(output.status.success());
    let wide = std::fs::read(folder.path().join("wide/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&wide).unwrap();
    assert_eq!(summary["counts"], serde_json::json!([1]));
}

#[test]
fn a_folder_holds_the_files_of_one_run() {
    let folder = folder();
    let results = folder.path().join("r");
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&results)
            .unwrap()
            .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let listed = || {
        let summary: serde_json::Value =
            serde_json::from_slice(&std::fs::read(results.join("summary.json")).unwrap()).unwrap();
        let mut names: Vec<String> = serde_json::from_value(summary["files"].clone()).unwrap();
        names.sort();
        names
    };
    assert!(smale(&folder, &["graph", "study.toml", "--out", "r"]).status.success());
    assert_eq!(names(), listed());
    assert!(names().iter().any(|n| n == "graph.json") && names().iter().any(|n| n == "portrait.svg"));
    write(&folder, "r/mine.csv", "1");
    // Three dimensions have no portrait, critical points alone no graph.
    write(&folder, "points.csv", "1,0,0\n-1,0,1\n0,1,0\n");
    assert!(smale(&folder, &["graph", "study.toml", "--out", "r"]).status.success());
    assert!(names().iter().any(|n| n == "graph.json") && !names().iter().any(|n| n == "portrait.svg"));
    assert!(smale(&folder, &["critical", "study.toml", "--out", "r"]).status.success());
    assert_eq!(names(), ["critical_points.csv", "critical_points.npy", "mine.csv", "summary.json"]);
    assert_eq!(listed(), ["critical_points.csv", "critical_points.npy", "summary.json"]);
    // What is refused changes nothing.
    refuses(&folder, &["graph", "study.toml", "--set", "sigma=-1", "--out", "r"], &["sigma"]);
    assert_eq!(listed(), ["critical_points.csv", "critical_points.npy", "summary.json"]);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let folder = folder();
    write(&folder, "points.csv", "0.1,0.3\n-0.3,-0.9\n-0.5,-1\n0.1,1.3\n-0.5,-0.6\n0.5,0.4\n");
    for (out, threads) in [("one", "1"), ("three", "3")] {
        let output = smale(
            &folder,
            &["graph", "study.toml", "--set", "sigma=0.2", "--threads", threads, "--out", out],
        );
        assert!(output.status.success());
    }
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path().join("one")).unwrap().map(|f| f.unwrap().file_name()).collect();
    names.sort();
    assert!(names.iter().any(|n| n == "summary.json"));
    for name in names {
        let bytes = |out: &str| std::fs::read(folder.path().join(out).join(&name)).unwrap();
        assert!(bytes("one") == bytes("three"), "{name:?} differs");
    }
}

/// The help for a missing region can be taken as it stands: into the study, and onto the command line.
#[test]
fn the_help_for_a_missing_region_helps() {
    let folder = folder();
    for dim in [1, 2, 3, 50] {
        let slope = format!("[landscape]\nkind = \"formula\"\ndim = {dim}\nenergy = \"x[{}]\"\n", dim - 1);
        write(&folder, "slope.toml", &slope);
        let said = refuses(&folder, &["critical", "slope.toml"], &["no region", "help:"]);
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        let start = lines.iter().position(|l| *l == "[region]").unwrap();
        assert!(lines[start + 1].len() < 80);
        write(&folder, "slope.toml", format!("{slope}{}\n{}\n", lines[start], lines[start + 1]));
        let flags = lines.iter().find(|l| l.starts_with("--set")).unwrap().split(' ');
        // With a region it runs, and finds nothing on a slope.
        let rounds = ["--set", "critical.rounds=1"];
        let output = smale(&folder, &[&["critical", "slope.toml"][..], &rounds].concat());
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        write(&folder, "slope.toml", &slope);
        let flags: Vec<&str> = ["critical", "slope.toml"].into_iter().chain(flags).chain(rounds).collect();
        let output = smale(&folder, &flags);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    }
}

/// A slope has no critical point: that is said, with exit code 3, and the empty result stands.
#[test]
fn nothing_found_is_a_shortfall() {
    let folder = folder();
    let slope =
        ["--landscape", "formula", "--set", "dim=2", "--set", "energy=x+y", "--set", "critical.rounds=2"];
    let region = ["--set", "region.ball.radius=1.0", "--out", "r", "--quiet"];
    for (command, json) in [("critical", None), ("graph", Some("--json"))] {
        let arguments: Vec<&str> = [command].into_iter().chain(slope).chain(region).chain(json).collect();
        let output = smale(&folder, &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.starts_with("error: no critical point was found") && said.contains("2 rounds"),
            "{said}"
        );
        let summary: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("r/summary.json")).unwrap()).unwrap();
        assert_eq!(summary["counts"], serde_json::json!([0]));
        assert!(summary["shortfall"].as_str().unwrap().starts_with("no critical point"));
    }
    let output = smale(&folder, &["run", "study.toml", "--json"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &summary["shortfall"]), (Some(0), &serde_json::Value::Null));
    for arguments in [&["--help"][..], &["graph", "--help"]] {
        let help = text(&smale(&folder, arguments).stdout);
        assert!(["\n  0 ", "\n  2 ", "\n  3 ", "\n  130 "].iter().all(|code| help.contains(code)), "{help}");
    }
}

#[test]
fn json_is_all_that_stands_on_standard_output() {
    let folder = folder();
    write(&folder, "study.toml", study("sigma = 0.5\n[measure]\ntemperatures = [0.1]\n"));
    let output = smale(&folder, &["--json", "critical", "study.toml"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["counts"], serde_json::json!([2, 1]));
    assert_eq!(summary["not_done"], serde_json::json!(["measure"]));
    assert!(text(&output.stderr).contains("no `measure` yet"));
}

#[test]
fn the_lyapunov_check_writes_one_table() {
    let folder = folder();
    let more = "[lyapunov]\norbits = 20\nsteps = 30\n[[lyapunov.landscape]]\nname = \"moving, noisy\"\n\
                kind = \"mixture\"\ndata = \"points.csv\"\nschedule = { kind = \"ou\" }\nt = 0.3\n";
    write(&folder, "study.toml", study("sigma = 0.5\n") + more);
    let mut tables = vec![];
    for threads in ["1", "3"] {
        let output = smale(&folder, &["lyapunov", "study.toml", "--threads", threads, "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["lyapunov"].as_array().unwrap().len(), 6);
        tables.push(std::fs::read_to_string(folder.path().join("study.results/lyapunov.csv")).unwrap());
    }
    assert_eq!(tables[0], tables[1]);
    let mut reader = csv::Reader::from_reader(tables[0].as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    let column: Vec<&str> = rows.iter().map(|r| &r[1]).collect();
    assert_eq!(column, ["flow", "flow", "ode", "ode", "sde", "sde"]);
    assert!(&rows[0][0] == "mixture" && &rows[1][0] == "moving, noisy" && &rows[0][4] == "1.0");
    assert!(rows.iter().all(|r| &r[3] == "20" && &r[15] == "estimated"));
}

#[test]
fn wrong_lyapunov_sections_are_refused() {
    let folder = folder();
    let entry = "[[lyapunov.landscape]]\n";
    for (rest, parts) in [
        ("[lyapunov]\ntimes = [0.1, 1.0]\n".to_owned(), &["bad.toml:6", "`times`", "larger"][..]),
        ("[lyapunov]\nstarts = \"anywhere\"\n".into(), &["bad.toml:6", "`starts`", "\"data\""]),
        ("[lyapunov]\norbit = 3\n".into(), &["bad.toml:6", "did you mean `orbits`"]),
        (entry.into(), &["bad.toml:5", "`kind`"]),
        (format!("{entry}kind = \"mixtrue\"\n"), &["bad.toml:6", "mixture"]),
        (format!("{entry}kind = \"mixture\"\n"), &["bad.toml:5", "data"]),
        (
            format!(
                "{entry}kind = \"mixture\"\ndata = \"points.csv\"\nsigma = 1\ntraining_data = \"no.csv\"\n"
            ),
            &["no.csv"],
        ),
        (format!("{entry}kind = \"formula\"\ndim = 1\nenergy = \"x\"\n"), &["bad.toml:5", "region"]),
    ] {
        write(&folder, "bad.toml", study("sigma = 0.5\n") + &rest);
        refuses(&folder, &["lyapunov", "bad.toml"], parts);
    }
}
