//! Tables of numbers in every format that is read, and what is said of those that can't be.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use smale::data::{Points, RawTable, read};

const A: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn shipped(name: &str) -> RawTable {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)).unwrap()
}

fn complaint(path: &Path) -> String {
    let error = read(path).expect_err(&path.display().to_string());
    assert_eq!(error.exit_code(), 2);
    format!("{error} {error:?}")
}

/// A file with these bytes; it lives as long as the folder.
fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn arrays_written_by_others() {
    let table = |f: &dyn Fn(f64) -> f64| A.map(f).to_vec();
    let twenty: Vec<f64> = A.iter().copied().cycle().take(120).collect();
    let cube: Vec<f64> = (0..24).map(f64::from).collect();
    for (name, columns, values) in [
        ("f8.npy", 3, table(&|v| v + 0.5)),
        ("f4-big.npy", 3, table(&|v| v + 0.25)),
        ("f2.npy", 3, table(&|v| v / 4.0)),
        ("i2-fortran.npy", 3, A.to_vec()),
        ("u1-cube.npy", 12, cube.clone()),
        ("u1-cube-fortran.npy", 12, cube),
        ("bool.npy", 2, vec![1.0, 0.0, 0.0, 1.0]),
        ("line.npy", 1, vec![3.0, 1.0, 2.0]),
        ("two.npz#x", 3, A.to_vec()),
        ("two.npz#y", 3, table(&|v| -v)),
        ("one-compressed.npz", 3, twenty.clone()),
        ("one-compressed.npz#memories", 3, twenty),
        ("some.safetensors#w", 3, A.to_vec()),
        ("some.safetensors#h", 3, table(&|v| v / 8.0)),
        ("some.safetensors#n", 2, vec![7.0, -8.0]),
        ("some.safetensors#v", 1, vec![1.5, 2.5]),
        ("bf16.safetensors", 2, vec![1.0, -2.5]),
        ("flat.parquet", 3, vec![1.5, 2.25, 3.0, 4.5, 5.25, 6.0]),
        ("flat.parquet#y", 1, vec![2.25, 5.25]),
        ("index.parquet", 3, A.to_vec()),
        ("image.parquet", 4, (1..9).map(f64::from).collect()),
        ("embedding.parquet#embedding", 2, (0..12).map(f64::from).collect()),
        ("embedding.parquet#half", 2, (0..12).map(|v| f64::from(v) / 4.0).collect()),
        ("embedding.parquet#big", 1, vec![4_294_967_295.0; 6]),
        ("embedding.parquet#yes", 1, vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0]),
    ] {
        assert_eq!(read(&fixture(name)).unwrap(), RawTable { columns, values }, "{name}");
    }
}

#[test]
fn formats_are_known_by_their_first_bytes_too() {
    let folder = tempfile::tempdir().unwrap();
    for (i, name) in ["f8.npy", "one-compressed.npz", "bf16.safetensors", "flat.parquet"].iter().enumerate() {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let copy = file(&folder, &format!("copy{i}.bin"), &bytes);
        assert_eq!(read(&copy).unwrap(), read(&fixture(name)).unwrap());
    }
    assert_eq!(read(&file(&folder, "odd#name.csv", b"1 2\n")).unwrap().values, [1.0, 2.0]);
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    for (name, part) in [
        ("nan.npy", "row 2, column 2 is NaN"),
        ("complex.npy", "no real numbers"),
        ("empty.npy", "empty"),
        ("scalar.npy", "single number"),
        ("two.npz", "x, y"),
        ("two.npz#z", "x, y"),
        ("f8.npy#x", "one table only"),
        ("some.safetensors", "h, n, v, w"),
        ("embedding.parquet", "column `name` holds no numbers"),
        ("embedding.parquet#day", "column `day` holds no numbers"),
        ("embedding.parquet#other", "embedding, half"),
        ("null.parquet", "row 2 of column `x` has no number"),
        ("ragged.parquet", "row 2 of column `x` has 1 numbers, the first has 2"),
        ("none.parquet", "empty"),
        ("zstd.parquet", "gzip"),
        ("none.npy", "no such file"),
        ("", "folder"),
    ] {
        let message = complaint(&fixture(name));
        assert!(message.contains(part), "{name}: {message}");
    }
}

/// Every file of ours, cut off anywhere or with any byte changed, is read or refused, never a panic.
#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "f8.npy",
        "two.npz",
        "one-compressed.npz",
        "some.safetensors",
        "flat.parquet",
        "image.parquet",
        "embedding.parquet",
    ] {
        let whole = std::fs::read(fixture(name)).unwrap();
        let extension = Path::new(name).extension().unwrap().to_str().unwrap();
        let key = match extension {
            "npz" => "",
            "parquet" => "#embedding",
            _ => "#w",
        };
        for cut in (0..whole.len()).step_by(7) {
            let path = file(&folder, &format!("cut.{extension}"), &whole[..cut]);
            complaint(&path);
        }
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0xff;
            let path = file(&folder, &format!("bad.{extension}"), &bytes);
            let _ = read(&path);
            let _ = read(&PathBuf::from(format!("{}{key}", path.display())));
        }
    }
}

#[test]
fn headers_that_promise_too_much_allocate_nothing() {
    let npy = |header: &str| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([0; 64]);
        bytes
    };
    let folder = tempfile::tempdir().unwrap();
    for (i, bytes) in [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99), }"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999, 99999999), }"),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (3, 3), }"),
        npy(&"(".repeat(60_000)),
        npy("[1, 2]"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}".to_vec(),
        b"\x93NUMPY\x09\x00\x10\x00\x00\x00{}".to_vec(),
    ]
    .iter()
    .enumerate()
    {
        complaint(&file(&folder, &format!("{i}.npy"), bytes));
    }
    complaint(&file(&folder, "x.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"));
    complaint(&file(&folder, "empty.csv", b""));
}

#[test]
fn shipped_data_are_what_they_are_said_to_be() {
    let digits = shipped("digits.npy");
    assert_eq!((digits.rows(), digits.columns), (1797, 64));
    // Sum of all grey values of the test set, 0 to 16 each.
    assert_eq!(digits.values.iter().sum::<f64>() * 16.0, 561_718.0);
    let labels = shipped("digits-labels.csv");
    let mut classes = [0; 10];
    labels.values.iter().for_each(|l| classes[*l as usize] += 1);
    // Class sizes as UCI gives them for the test set.
    assert_eq!(classes, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);

    let points = Points::from_rows(digits.values.clone(), 64).unwrap();
    let some = shipped("digits-300.npy");
    assert_eq!((some.rows(), some.columns), (300, 64));
    for row in some.values.chunks(64) {
        assert!((0..points.values.ncols()).any(|j| points.values.col_as_slice(j) == row));
    }

    let nine = shipped("circle-9.csv");
    let angles = [129.151, 138.861, 151.884, 161.734, 213.828, 220.654, 324.387, 325.515, 356.423f64];
    for (point, degrees) in nine.values.chunks(2).zip(angles) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        assert!((point[0] - cos).abs() < 1e-15 && (point[1] - sin).abs() < 1e-15);
    }
    for (name, rows) in [("circle-100.csv", 100), ("triangle.csv", 3), ("square.csv", 4)] {
        let table = shipped(name);
        assert_eq!((table.rows(), table.columns), (rows, 2));
        for sum in [0, 1].map(|i| table.values.iter().skip(i).step_by(2).sum::<f64>()) {
            assert!(sum.abs() < 1e-13, "{name} is centred");
        }
    }
    assert_eq!(shipped("eight-points.csv").values[6], 0.060144);
    assert_eq!(shipped("three-memories.csv").values[..3], [0.95, 0.0, -0.7]);
}
