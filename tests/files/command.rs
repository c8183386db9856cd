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
fn what_a_study_reads_is_never_written_over_or_removed() {
    let folder = folder();
    let points = "1,0\n-1,0\n";
    write(&folder, "critical_points.csv", points);
    let by_flags = ["--landscape", "mixture", "--set", "sigma=0.5", "--data"];
    let run = |data: &str, out: &str| {
        let mut arguments = vec!["graph"];
        arguments.extend(by_flags);
        arguments.extend([data, "--out", out]);
        refuses(&folder, &arguments, &["the study reads", "would replace or remove", "--out"]);
    };
    run("critical_points.csv", ".");
    assert_eq!(std::fs::read_to_string(folder.path().join("critical_points.csv")).unwrap(), points);
    // A result of an earlier run as the data of the next.
    assert_eq!(smale(&folder, &["graph", "study.toml", "--out", "r"]).status.code(), Some(0));
    let before = std::fs::read(folder.path().join("r/critical_points.csv")).unwrap();
    run("r/critical_points.csv", "r");
    run("r/critical_points.npy", "r");
    #[cfg(unix)]
    {
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("r/critical_points.csv"), at("link.csv")).unwrap();
        run("link.csv", "r");
        std::fs::create_dir(at("s")).unwrap();
        std::os::unix::fs::symlink(at("points.csv"), at("s/orbits.csv")).unwrap();
        run("points.csv", "s");
    }
    assert_eq!(std::fs::read(folder.path().join("r/critical_points.csv")).unwrap(), before);
    // A study file that has the name of a result.
    write(&folder, "graph.dot", study("sigma = 0.5\n"));
    refuses(&folder, &["graph", "graph.dot", "--out", "."], &["graph.dot"]);
    // Data beside the results stay and are no hindrance.
    assert_eq!(smale(&folder, &["critical", "study.toml", "--out", "."]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(folder.path().join("points.csv")).unwrap(), points);
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
        (study("sigma = 1\n[critical]\nmethod = \"completely\"\n"), &["bad.toml:6:10", "\"complete\""]),
        (
            study("sigma = 1\n[critical]\nmethod = \"complete\"\nprove = false\n"),
            &["bad.toml:7:9", "a proof", "leave out one"],
        ),
        (
            study("sigma = 1\n[critical]\nboxes = 9\nprove = false\n"),
            &["bad.toml:6:9", "`boxes` is for a proof"],
        ),
        (study("sigma = 1\n[graph]\nprove = 0\n"), &["bad.toml:6:9", "true"]),
        (study("sigma = 1\n[critical]\nsymmetry = [[1, 1]]\n"), &["bad.toml:6:12", "every number"]),
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

/// A file of weights for a network 2-2-1 in the manner of PyTorch, changed by `change`.
fn weights(folder: &TempDir, name: &str, change: impl Fn(&mut Vec<(&str, Vec<usize>, Vec<f64>)>)) {
    let mut tensors = vec![
        ("0.weight", vec![2, 2], vec![1.0, 0.5, -0.5, 1.0]),
        ("0.bias", vec![2], vec![0.1, -0.2]),
        ("2.weight", vec![1, 2], vec![0.7, 0.3]),
        ("2.bias", vec![1], vec![0.0]),
    ];
    change(&mut tensors);
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|t| t.2.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let dtype = safetensors::Dtype::F64;
        (*name, safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes).unwrap())
    });
    write(folder, name, safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap());
}

#[test]
fn bad_weights_are_refused_with_their_file_and_tensor() {
    let folder = folder();
    weights(&folder, "good.safetensors", |_| {});
    weights(&folder, "missing.safetensors", |t| {
        t.remove(0);
    });
    weights(&folder, "gap.safetensors", |t| {
        t.remove(2);
    });
    weights(&folder, "shape.safetensors", |t| t[2] = ("2.weight", vec![1, 3], vec![0.0; 3]));
    weights(&folder, "nan.safetensors", |t| t[1].2[1] = f64::NAN);
    weights(&folder, "other.safetensors", |t| {
        t[0] = ("0.weight", vec![3, 2], vec![0.0; 6]);
        t[1] = ("0.bias", vec![3], vec![0.0; 3]);
        t[2] = ("2.weight", vec![1, 3], vec![0.0; 3]);
    });
    let whole = std::fs::read(folder.path().join("good.safetensors")).unwrap();
    write(&folder, "cut.safetensors", &whole[..whole.len() - 5]);
    write(&folder, "stub.safetensors", &whole[..40]);
    write(&folder, "empty.safetensors", "");
    write(&folder, "text.safetensors", "1,2\n3,4\n");
    let study = |weights: &str| {
        format!(
            "[landscape]\nkind = \"neural\"\nweights = {weights}\nactivation = \"softplus\"\nlambda = 1.0\n"
        )
    };
    write(&folder, "good.toml", study("\"good.safetensors\""));
    let done = smale(&folder, &["critical", "good.toml", "--quiet"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    for (file, parts) in [
        ("missing", &["0.weight"][..]),
        ("gap", &["2.weight"]),
        ("shape", &["2.weight", "3"]),
        ("nan", &["0.bias", "NaN"]),
        ("cut", &[]),
        ("stub", &[]),
        ("empty", &[]),
        ("text", &[]),
        ("absent", &["no such file"]),
    ] {
        let file = format!("{file}.safetensors");
        let parts: Vec<&str> = parts.iter().copied().chain([file.as_str(), "bad.toml:3:"]).collect();
        write(&folder, "bad.toml", study(&format!("\"{file}\"")));
        refuses(&folder, &["graph", "bad.toml"], &parts);
        // The same from the command line, and as the second of two.
        let set = format!("weights={file}");
        refuses(&folder, &["graph", "good.toml", "--set", &set], &parts[..parts.len() - 1]);
        let set = format!("weights=[\"good.safetensors\", \"{file}\"]");
        refuses(&folder, &["graph", "good.toml", "--set", &set], &parts[..parts.len() - 1]);
    }
    for (sets, parts) in [
        (&["activation=sofplus"][..], &["activation", "sofplus", "softplus"][..]),
        (&["training=0.5"], &["`training`", "there is one"]),
        (&["weights=[\"good.safetensors\", \"other.safetensors\"]"], &["another shape", "other.safetensors"]),
        (&["weights=[\"good.safetensors\", \"good.safetensors\"]", "training=1.5"], &["between 0 and 1"]),
        (&["t=0.5"], &["`t`", "no effect"]),
        (&["kind=score"], &["kind = \"neural\""]),
    ] {
        let mut arguments = vec!["graph", "good.toml"];
        sets.iter().for_each(|s| arguments.extend(["--set", s]));
        refuses(&folder, &arguments, parts);
    }
}

/// A score of one linear layer: x' = A x.
#[test]
fn a_linear_field_is_analysed_without_an_energy() {
    let folder = folder();
    let field = |name: &str, n: usize, a: &[f64]| {
        weights(&folder, name, |t| *t = vec![("0.weight", vec![n, n], a.to_vec())]);
    };
    field("focus.safetensors", 2, &[-1.0, 2.0, -2.0, -1.0]);
    field("center.safetensors", 2, &[0.0, 1.0, -1.0, 0.0]);
    field("line.safetensors", 2, &[-1.0, 0.0, 0.0, 0.0]);
    field("flat.safetensors", 1, &[-2.0]);
    field("saddle.safetensors", 3, &[2.0, 0.0, 0.0, 0.0, -1.0, 3.0, 0.0, -3.0, -1.0]);
    field("nothing.safetensors", 2, &[0.0; 4]);
    for (name, counts, degenerate, code) in [
        ("focus", &[1][..], 0, 0),
        ("center", &[0], 1, 0),
        ("line", &[0], 1, 0),
        ("flat", &[1], 0, 0),
        ("saddle", &[0, 1], 0, 0),
        ("nothing", &[0], 1, 0),
    ] {
        let file = format!("weights={name}.safetensors");
        let ball = "region.ball.radius=2.0";
        let arguments = ["graph", "--landscape", "score", "--set", &file, "--set", ball, "--out", name];
        let output = smale(&folder, &arguments);
        assert_eq!(output.status.code(), Some(code), "{name}: {}", text(&output.stderr));
        let read = |file: &str| std::fs::read(folder.path().join(name).join(file)).unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&read("summary.json")).unwrap();
        assert_eq!(summary["counts"], serde_json::json!(counts), "{name}");
        assert_eq!(summary["degenerate"], degenerate, "{name}");
        assert_eq!(summary["morse_smale"], "unknown", "{name}");
        // The page has a script, which may well name it; its numbers are those of the other files.
        for file in summary["files"].as_array().unwrap().iter().filter(|f| *f != "report.html") {
            let content = String::from_utf8_lossy(&read(file.as_str().unwrap())).into_owned();
            assert!(!content.contains("NaN"), "{name}: {file}");
        }
        let families = summary["degenerate_families"].as_array().unwrap();
        let dimension = match name {
            "line" => 1,
            "nothing" => 2,
            _ => 0,
        };
        assert!(families.iter().all(|f| f["dimension"] == dimension), "{name}: {families:?}");
        if name == "focus" {
            let table = text(&read("eigenvalues.csv"));
            let (head, rows) = table.split_once('\n').unwrap();
            assert_eq!(head, "id,real,imaginary");
            for (row, expected) in rows.lines().zip([[0.0, -1.0, 2.0], [0.0, -1.0, -2.0]]) {
                for (cell, expected) in row.split(',').zip(expected) {
                    assert!((cell.parse::<f64>().unwrap() - expected).abs() < 1e-14, "{table}");
                }
            }
            let sample = &summary["asymmetry"]["sample"];
            assert!((sample["relative"].as_f64().unwrap() - 2.0).abs() < 1e-12);
            assert_eq!(summary["spiral"], serde_json::json!([0]));
        }
        if name == "saddle" {
            // Both branches run out along the axis.
            let graph: serde_json::Value = serde_json::from_slice(&read("graph.json")).unwrap();
            assert_eq!(graph["graph"]["exits"].as_array().unwrap().len(), 2);
            assert!(graph["nodes"][0].get("energy").is_none());
        }
    }
    let arguments = ["graph", "--landscape", "score", "--set", "weights=saddle.safetensors"];
    refuses(&folder, &arguments, &["no region", "region.box"]);
    let file = ["critical", "--landscape", "score", "--set", "weights=focus.safetensors"];
    refuses(
        &folder,
        &[&file[..], &["--set", "critical.neighbours=3"]].concat(),
        &["neighbours", "no energy"],
    );
    refuses(&folder, &[&file[..], &["--set", "lambda=1"]].concat(), &["`lambda`"]);
    refuses(&folder, &[&file[..], &["--set", "t=1"]].concat(), &["`t` has no effect"]);
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
        "memorization",
        "measure",
        "certify",
        "report",
    ] {
        assert!(top[key].is_object(), "{key}");
    }
    for (section, keys) in [
        ("region", &["ball", "box"][..]),
        ("critical", &["method", "max_index", "rounds", "degenerate_tolerance", "neighbours"]),
        ("graph", &["tolerance", "order", "manifolds", "basins"]),
        ("report", &["image", "axes", "title"]),
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
    for section in ["critical", "graph", "lyapunov", "memorization"] {
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
    // Of `basins`, `directions` and `draw` it is a minimum of zero.
    assert_eq!(bounds, 21);
    for (section, key, values) in [
        ("critical", "method", &["\"auto\"", "\"search\"", "\"complete\"", "\"guess\""][..]),
        ("graph", "order", &["1", "\"all\"", "2", "\"some\""]),
        ("memorization", "process", &["\"sde\"", "\"ode\"", "\"pde\""]),
        ("graph", "manifolds", &["\"none\"", "\"curves\"", "\"surfaces\"", "\"solids\""]),
    ] {
        let allowed = sections[section]["properties"][key]["enum"].as_array().unwrap();
        let allowed: Vec<String> = allowed.iter().map(serde_json::Value::to_string).collect();
        for value in values {
            let listed = allowed.iter().any(|a| a == value);
            assert_eq!(accepted(section, key, value), listed, "{key} = {value}");
        }
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
    // Three dimensions have a projection in place of the portrait, critical points alone no graph.
    write(&folder, "points.csv", "1,0,0\n-1,0,1\n0,1,0\n");
    assert!(smale(&folder, &["graph", "study.toml", "--out", "r"]).status.success());
    assert!(names().iter().any(|n| n == "graph.json") && !names().iter().any(|n| n == "portrait.svg"));
    assert!(names().iter().any(|n| n == "projection.svg") && names().iter().any(|n| n == "projection.csv"));
    assert!(smale(&folder, &["critical", "study.toml", "--out", "r"]).status.success());
    assert_eq!(
        names(),
        [
            "critical_points.csv",
            "critical_points.npy",
            "mine.csv",
            "proofs.csv",
            "report.html",
            "summary.json"
        ]
    );
    let own = ["critical_points.csv", "critical_points.npy", "proofs.csv", "report.html", "summary.json"];
    assert_eq!(listed(), own);
    // What is refused changes nothing.
    refuses(&folder, &["graph", "study.toml", "--set", "sigma=-1", "--out", "r"], &["sigma"]);
    assert_eq!(listed(), own);
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
        // With a region it runs, and finds nothing on a slope: by proof where boxes can cover it.
        let rounds = ["--set", "critical.rounds=1"];
        let output = smale(&folder, &[&["critical", "slope.toml"][..], &rounds].concat());
        assert_eq!(output.status.code(), Some(if dim <= 3 { 0 } else { 3 }), "{}", text(&output.stderr));
        write(&folder, "slope.toml", &slope);
        let flags: Vec<&str> = ["critical", "slope.toml"].into_iter().chain(flags).chain(rounds).collect();
        let output = smale(&folder, &flags);
        assert_eq!(output.status.code(), Some(if dim <= 3 { 0 } else { 3 }), "{}", text(&output.stderr));
    }
}

/// A slope has no critical point: that is said, with exit code 3, and the empty result stands.
#[test]
fn nothing_found_is_a_shortfall() {
    let folder = folder();
    let slope =
        ["--landscape", "formula", "--set", "dim=2", "--set", "energy=x+y", "--set", "critical.rounds=2"];
    let search = ["--set", "critical.method=search"];
    let region = ["--set", "region.ball.radius=1.0", "--out", "r", "--quiet"];
    for (command, json) in [("critical", None), ("graph", Some("--json"))] {
        let arguments: Vec<&str> =
            [command].into_iter().chain(slope).chain(search).chain(region).chain(json).collect();
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
    // A proof that there is none is an answer.
    let arguments: Vec<&str> =
        ["critical"].into_iter().chain(slope).chain(region).chain(["--json"]).collect();
    let output = smale(&folder, &arguments);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &summary["completeness"]), (Some(0), &"proven".into()));
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
    write(&folder, "study.toml", study("sigma = 0.5\n[certify]\n"));
    let output = smale(&folder, &["--json", "critical", "study.toml"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["counts"], serde_json::json!([2, 1]));
    assert_eq!(summary["not_done"], serde_json::json!([]));
}

/// Stiff bent valleys, tiny energies, and points far from the origin, whose counts are plain from their formulas.
#[test]
fn scale_offset_and_stiffness_lose_no_orbit() {
    let folder = folder();
    let formula =
        ["graph", "--quiet", "--landscape", "formula", "--set", "dim=2", "--json", "--out", "r", "--set"];
    for (energy, connections) in [
        ("1e6*(y-sin(3*x))^2+(x^2-4)^2/10", 2),
        ("1e8*(y-x^2)^2+(x^2-1)^2", 2),
        ("1e-200*((x^2-1)^2+y^2)", 2),
        ("((x-1e3)^2-1)^2+(y-1e3)^2", 2),
    ] {
        let energy = format!("energy={energy}");
        let output = smale(&folder, &[&formula[..], &[&energy]].concat());
        assert_eq!(output.status.code(), Some(0), "{energy}: {}", text(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["edges"], connections, "{energy}");
    }
    let mixture =
        ["graph", "--quiet", "--landscape", "mixture", "--json", "--out", "r", "--data", "p.csv", "--set"];
    for (points, sigma, edges) in [
        ("1e8,1e8\n100000001,1e8\n1e8,100000001\n", "sigma=0.2", 4),
        // Eight downhill, and four uphill to the one maximum.
        ("0,0\n1,0\n0,1\n1,1\n0,0\n", "sigma=1e-5", 12),
    ] {
        write(&folder, "p.csv", points);
        let output = smale(&folder, &[&mixture[..], &[sigma]].concat());
        assert_eq!(output.status.code(), Some(0), "{sigma}: {}", text(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["edges"], edges, "{sigma}");
    }
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

/// The flip at f = 0: between K = 1 and K = 2 there is one fold, at 1.5026, at which a minimum and a saddle meet.
#[test]
fn two_results_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let energy = "energy=x[0]^4 + x[1]^4 - x[1]^3 + 2*x[0]^2*x[1] - x[1]^2 + K*x[1]";
    for k in ["1", "1.01", "2"] {
        let value = format!("parameters={{K={k}}}");
        let set = ["--set", "dim=2", "--set", energy, "--set", &value, "--out", k];
        let output = smale(&folder, &[&["graph", "--landscape", "formula"], &set[..]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let same = smale(&folder, &["diff", "1", "1.01"]);
    assert_eq!(text(&same.stdout), "the graphs are the same\n");
    let other = smale(&folder, &["diff", "1", "2", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&other.stdout).unwrap();
    let critical = std::fs::read_to_string(folder.path().join("1/critical_points.csv")).unwrap();
    let index = |id: usize| critical.lines().nth(id + 1).unwrap().split(',').nth(1).unwrap().to_owned();
    let vanished: Vec<usize> = serde_json::from_value(found["vanished"].clone()).unwrap();
    assert_eq!(vanished.iter().map(|id| index(*id)).collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!(found["appeared"], serde_json::json!([]));
    assert_eq!(found["same"].as_array().unwrap().len() + 2, critical.lines().count() - 1);
    for wrong in [["diff", "1", "nowhere"], ["diff", ".", "1"]] {
        assert_eq!(smale(&folder, &wrong).status.code(), Some(2));
    }
}

/// The page of a folder is made again, the same.
#[test]
fn the_page_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "points.csv", "1,0\n-1,0\n0,1\n");
    let run = ["graph", "--landscape", "mixture", "--data", "points.csv", "--set", "sigma=0.4", "--out", "r"];
    assert!(smale(&folder, &run).status.success());
    let path = folder.path().join("r/report.html");
    let page = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let again = smale(&folder, &["report", "r"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
    assert_eq!(smale(&folder, &["report", "nowhere"]).status.code(), Some(2));
}

/// The files of a folder are written again, in every format; the next run clears them away.
#[test]
fn a_folder_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "points.csv", "1,0\n-1,0\n0,1\n");
    let run = ["graph", "--landscape", "mixture", "--data", "points.csv", "--set", "sigma=0.4", "--out", "r"];
    assert!(smale(&folder, &run).status.success());
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let (json, edges) = (read("r/graph.json"), read("r/edges.csv"));

    let output = smale(&folder, &["export", "r", "--out", "e", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["files"].as_array().unwrap().len(), 9);
    // In two dimensions nothing is left out of the files of a run.
    for name in ["graph.json", "graph.graphml", "graph.gexf", "graph.dot", "edges.csv"] {
        assert_eq!(read(&format!("e/{name}")), read(&format!("r/{name}")), "{name}");
    }
    assert!(!folder.path().join("e/summary.json").exists());

    let output = smale(&folder, &["export", "r", "--format", "png,csv"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["graph.png", "portrait.png", "tree.png", "persistence.png"] {
        let png = read(&format!("r/{name}"));
        assert_eq!(&png[1..4], b"PNG");
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let svg = String::from_utf8(read(&format!("r/{}", name.replace("png", "svg")))).unwrap();
        let units =
            |key: &str| svg.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(
            [units("width"), units("height")],
            [16, 20].map(|at| (side(at) / 2).to_string()),
            "{name}"
        );
    }
    assert_eq!((read("r/graph.json"), read("r/edges.csv")), (json, edges));
    // With the font within, once and for all; images are painted of it as of the other.
    let (plain, image) = (read("r/tree.svg"), read("r/tree.png"));
    for _ in 0..2 {
        assert!(smale(&folder, &["export", "r", "--format", "svg,png"]).status.success());
        let svg = String::from_utf8(read("r/tree.svg")).unwrap();
        assert_eq!(svg.matches("@font-face").count(), 2);
        assert!(svg.len() > plain.len() + 100_000 && svg.matches("DejaVu Sans of smale, ").count() > 3);
        assert_eq!(read("r/tree.png"), image);
    }
    assert!(smale(&folder, &["report", "r"]).status.success());
    assert!(smale(&folder, &run).status.success());
    assert!(!folder.path().join("r/graph.png").exists() && !folder.path().join("r/nodes.csv").exists());

    // All files or none: one that cannot be written leaves nothing of the others, nor the summary changed.
    let names = |folder_name: &str| {
        let there = std::fs::read_dir(folder.path().join(folder_name)).unwrap();
        let mut names: Vec<_> = there.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    std::fs::create_dir_all(folder.path().join("half/graph.dot")).unwrap();
    refuses(&folder, &["export", "r", "--out", "half", "--format", "json,dot,csv"], &["graph.dot", "folder"]);
    assert_eq!(names("half"), ["graph.dot"]);
    refuses(&folder, &["export", "r", "--out", "half/graph.dot/new", "--format", "png,xlsx"], &["xlsx"]);
    assert!(names("half/graph.dot").is_empty());
    refuses(&folder, &["export", "nowhere"], &["nowhere", "no such folder"]);
    refuses(&folder, &["export", "."], &["summary.json"]);
    // What is not ours is not replaced, and one result does not go into another.
    let mine = folder.path().join("r/nodes.parquet");
    std::fs::write(&mine, "mine").unwrap();
    refuses(&folder, &["export", "r", "--format", "parquet"], &["nodes.parquet", "--out"]);
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    std::fs::remove_file(&mine).unwrap();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/summary.json"), "{}").unwrap();
    refuses(&folder, &["export", "r", "--out", "other"], &["another result"]);
    let said = refuses(&folder, &["export", "r", "--format", "xlsx"], &["xlsx"]);
    for known in ["json", "graphml", "gexf", "dot", "csv", "parquet", "vtk", "png", "svg"] {
        assert!(said.contains(known), "{said}");
    }
    let critical = [&["critical"], &run[1..]].concat();
    assert!(smale(&folder, &critical).status.success());
    refuses(&folder, &["export", "r"], &["graph.json", "smale graph"]);
    refuses(&folder, &["export", "r", "--format", "png"], &["picture"]);
}

/// The same points and edges with proofs and without; what is claimed of them differs.
#[test]
fn proofs_can_be_left_out() {
    let folder = folder();
    write(&folder, "four.csv", "1,0,0,0\n-1,0,0,0\n0,1.2,0,0\n0,0,0.9,0.4\n0,0,-1.1,1\n");
    let text = "seed = 3\n[landscape]\nkind = \"mixture\"\ndata = \"four.csv\"\nsigma = 0.5\n[critical]\nmethod = \"search\"\n";
    write(&folder, "four.toml", text);
    let run = |without: &[&str]| -> serde_json::Value {
        let sets = without.iter().flat_map(|key| ["--set", key]);
        let arguments: Vec<&str> = ["graph", "four.toml", "--json"].into_iter().chain(sets).collect();
        serde_json::from_slice(&smale(&folder, &arguments).stdout).unwrap()
    };
    let level = |summary: &serde_json::Value, of: &str| summary["levels"][of].as_str().unwrap().to_owned();
    let all = run(&[]);
    assert!(all["edges"].as_u64() >= Some(8));
    for (without, points, connections) in [
        (&[][..], "proven", "proven"),
        (&["graph.prove=false"], "proven", "checked"),
        (&["critical.prove=false"], "checked", "checked"),
        (&["critical.prove=false", "graph.prove=false"], "checked", "checked"),
    ] {
        let summary = run(without);
        assert_eq!(
            (level(&summary, "critical_points"), level(&summary, "connections")),
            (points.into(), connections.into())
        );
        let counted = |of: &str| summary[of].as_u64().unwrap() > 0;
        assert_eq!(
            (counted("proven_points"), counted("proven_edges")),
            (points == "proven", connections == "proven")
        );
        assert_eq!((&summary["counts"], &summary["edges"]), (&all["counts"], &all["edges"]), "{without:?}");
    }
    // Where a proof of completeness is within reach it is not tried either.
    let two = |set: &str| {
        let output = smale(&folder, &["critical", "study.toml", "--json", "--set", set]);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (summary["completeness"].clone(), summary["counts"].clone())
    };
    assert_eq!(two("critical.prove=true"), ("proven".into(), serde_json::json!([2, 1])));
    assert_eq!(two("critical.prove=false"), ("estimated".into(), serde_json::json!([2, 1])));
}
