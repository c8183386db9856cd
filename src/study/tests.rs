use super::*;
use crate::landscape::{Key, Takes};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    section.need_number("sigma")?;
    section.points("data")?;
    Err(section.error("sigma", "a toy builds nothing"))
}

static TOY: Kind = Kind {
    name: "toy",
    energy: "0",
    source: "nowhere",
    keys: &[
        Key { name: "data", takes: Takes::Data, default: "", doc: "points" },
        Key { name: "sigma", takes: Takes::Number, default: "", doc: "width" },
    ],
    build,
};
static TOYS: &[&Kind] = &[&TOY];

fn study(text: &str, sets: &[&str]) -> Result<Study> {
    let source = value::file_source(Path::new("s.toml"), text.to_owned());
    let overrides = sets.iter().map(|s| Override::parse(s)).collect::<Result<Vec<_>>>()?;
    Study::from_entries(value::parse(&source)?, &overrides, TOYS)
}

/// Message, help, name of the text and line and column of an input error.
fn parts(error: Error) -> (String, String, String, (usize, usize)) {
    match error {
        Error::Input { message, help, place } => {
            let (name, at) = place.map_or((String::new(), (0, 0)), |p| (p.name.clone(), p.line_column()));
            (message, help.unwrap_or_default(), name, at)
        }
        other => panic!("{other}"),
    }
}

fn section(text: &str) -> Section {
    let source = value::file_source(Path::new("s.toml"), text.to_owned());
    Section::new("", value::parse(&source).unwrap()).table("landscape").unwrap().unwrap()
}

#[test]
fn values_and_their_types() {
    let mut s = section(
        "[landscape]\nsigma = 2\nw = [1, 2.5]\nname = 'x'\non = true\nn = 1_000\nsub = { a = 0x10 }\nrest = 1\n",
    );
    assert_eq!(s.number("sigma").unwrap(), Some(2.0));
    assert_eq!(s.numbers("w").unwrap(), Some(vec![1.0, 2.5]));
    assert_eq!(s.text("name").unwrap(), Some("x".into()));
    assert_eq!(s.flag("on").unwrap(), Some(true));
    assert_eq!(s.integer("n").unwrap(), Some(1000));
    assert_eq!(s.table("sub").unwrap().unwrap().integer("a").unwrap(), Some(16));
    assert_eq!(s.number("absent").unwrap(), None);
    assert_eq!(s.remaining(), ["rest"]);
}

#[test]
fn wrong_types_point_at_the_value() {
    let text =
        "[landscape]\nsigma = \"0.5\"\nw = [1, nan]\nn = -3\nname = 2024-01-01\nbig = 1e999\nsub = 1\n";
    let mut s = section(text);
    let at = |e: Error| parts(e).3;
    let (message, help, name, place) = parts(s.number("sigma").unwrap_err());
    assert!(message.contains("`sigma`") && help.contains("without quotes"), "{message} {help}");
    assert_eq!((name.as_str(), place), ("s.toml", (2, 9)));
    assert_eq!(at(s.numbers("w").unwrap_err()), (3, 9));
    assert_eq!(at(s.integer("n").unwrap_err()), (4, 5));
    assert_eq!(at(s.text("name").unwrap_err()), (5, 8));
    assert_eq!(at(s.number("big").unwrap_err()), (6, 7));
    assert_eq!(at(s.table("sub").unwrap_err()), (7, 7));
    assert_eq!(at(s.flag("n").unwrap_err()), (4, 5));
    assert_eq!(at(s.need_number("gone").unwrap_err()).0, 1);
}

#[test]
fn errors_point_into_plain_texts() {
    let text = "[landscape]\na = \"x + y\"\nb = 'x + y'\nc = '''\nx +\n y'''\nd = \"x\\t+ y\"\n";
    let s = section(text);
    let at = |key, start, end| parts(s.error_in_text(key, start, end, "no")).3;
    assert_eq!(at("a", 4, 5), (2, 10));
    assert_eq!(at("b", 4, 5), (3, 10));
    assert_eq!(at("c", 5, 6), (6, 2));
    assert_eq!(at("d", 4, 5), (7, 5)); // an escape: the whole value
    assert_eq!(at("a", 4, 99), (2, 5));
    let flags = Section::from_pairs("landscape", &["energy=x[0] + y"]).unwrap();
    let Error::Input { place: Some(place), .. } = flags.error_in_text("energy", 7, 8, "no") else { panic!() };
    assert_eq!((place.name.as_str(), &place.text[place.span.0..place.span.0 + place.span.1]), ("--set", "y"));
}

#[test]
fn errors_name_their_key_once() {
    let s = section("[landscape]\nsigma = 1\n");
    assert_eq!(parts(s.error("sigma", "must be positive")).0, "`sigma`: must be positive");
    assert_eq!(parts(s.error("sigma", "sigma is negative")).0, "sigma is negative");
}

#[test]
fn overrides_win_and_reach_every_section() {
    let text =
        "seed = 1\n[landscape]\nkind = 'toy'\nsigma = 1\nsub = { a = 1, b = 2 }\n[critical]\nrounds = 2\n";
    let s = study(text, &["sigma=0.5", "sub.a=7", "critical.rounds=5", "seed=9", "region.ball={radius=3}"])
        .unwrap();
    assert_eq!((s.seed, s.critical.rounds), (9, Some(5)));
    let mut landscape = s.landscape.clone();
    assert_eq!(landscape.number("sigma").unwrap(), Some(0.5));
    let mut sub = landscape.table("sub").unwrap().unwrap();
    assert_eq!([sub.number("a").unwrap(), sub.number("b").unwrap()], [Some(7.0), Some(2.0)]);
    assert_eq!(s.region_for(2).unwrap(), Some(Region::ball(vec![0.0, 0.0], 3.0)));

    let (message, _, name, at) = parts(study(text, &["critical.rounds=x"]).err().unwrap());
    assert!(message.contains("`rounds`"), "{message}");
    assert_eq!((name.as_str(), at), ("--set", (1, 17)));
    for bad in ["sigma", "=1", "a b=1", "sigma=", "sigma.x=1", "critical=3"] {
        assert!(study(text, &[bad]).and_then(|s| s.build()).is_err(), "{bad}");
    }
    // Texts need no quotes on the command line, even where they look like numbers.
    assert_eq!(study(text, &["title=2024"]).unwrap().title.as_deref(), Some("2024"));
}

#[test]
fn unknown_keys_name_the_nearest() {
    let cases = [
        ("[landscape]\nkind = 'toy'\n[critcal]\nrounds = 1\n", "`critcal`", "critical", (3, 2)),
        ("[landscape]\nkind = 'toy'\n[critical]\nround = 1\n", "`round`", "`rounds`", (4, 1)),
        ("[landscape]\nkind = 'toi'\n", "\"toi\"", "\"toy\"", (2, 8)),
        ("[landscape]\nkind = 'zebra'\n", "\"zebra\"", "toy", (2, 8)),
        ("[landscape]\nsigma = 1\n", "`kind`", "toy", (1, 1)),
        ("sead = 1\n[landscape]\nkind = 'toy'\n", "`sead`", "`seed`", (1, 1)),
        ("landscape = 3\n", "`landscape`", "[landscape]", (1, 13)),
        ("[landscape]\nkind = 'toy'\n[critical]\nmethod = 'completely'\n", "unknown", "search", (4, 10)),
        ("[landscape]\nkind = 'toy'\n[report]\nimage = [3, 0.5]\n", "`image`", "rows", (4, 9)),
        ("[landscape]\nkind = 'toy'\n[report]\naxes = ['x[0]', 'y']\n", "unknown `axes`", "norm", (4, 17)),
        ("[landscape]\nkind = 'toy'\n[report]\naxes = ['energy']\n", "array of two", "x[3]", (4, 8)),
        ("[landscape]\nkind = 'toy'\n[report]\naxes = ['energy', 3]\n", "`axes`", "norm", (4, 19)),
        ("[landscape]\nkind = 'toy'\n[graph]\ntolerance = -1\n", "`tolerance`", "", (4, 13)),
        ("[landscape]\nkind = 'toy'\n[continue]\nparameter = 'a'\nfrom = 1\n", "`to`", "to =", (3, 1)),
        ("[landscape]\nkind = 'toy'\n[continue]\nparametr = 'a'\n", "`parametr`", "`parameter`", (4, 1)),
        ("[landscape\n", "", "TOML", (1, 11)),
        ("title = 'x'\n", "[landscape]", "kind", (0, 0)),
    ];
    for (text, part, hint, at) in cases {
        let (message, help, _, place) = parts(study(text, &[]).err().unwrap());
        assert!(message.contains(part) && help.contains(hint), "{message} | {help}");
        assert_eq!(place, at, "{text}");
    }
}

#[test]
fn a_landscape_is_built_or_says_what_is_wrong() {
    let head = "[landscape]\nkind = 'toy'\n";
    let cases = [
        (String::from(head), "`sigma` is missing", (1, 1)),
        (format!("{head}simga = 1\n"), "unknown key `simga`", (3, 1)),
        (format!("{head}sigma = 1\n"), "builds nothing", (3, 9)),
        (format!("{head}sigma = 1\ndata = 'no/such.csv'\n"), "no/such.csv", (4, 8)),
        (format!("{head}sigma = 1\ndata = 3\n"), "`data`", (4, 8)),
        (format!("{head}sigma = 1\ndata = [[1, 2], [3]]\n"), "point 2", (4, 17)),
        (format!("{head}sigma = 1\ndata = [[1], [2]]\nrows = 3\n"), "row 3", (5, 8)),
        (format!("{head}sigma = 1\ndata = [[1], [2]]\nrows = '1..1'\n"), "selects no row", (5, 8)),
    ];
    for (text, part, at) in cases {
        let (message, _, _, place) = parts(study(&text, &[]).unwrap().build().err().unwrap());
        assert!(message.contains(part), "{message}");
        assert_eq!(place, at, "{text}");
    }
}

#[test]
fn rows_select_before_duplicates_merge() {
    let points = |rows: &str| {
        let text = format!("[landscape]\ndata = [[5], [1], [1], [2], [5]]\n{rows}\n");
        section(&text).points("data").unwrap().unwrap()
    };
    assert_eq!(points("").multiplicity, [2, 2, 1]);
    assert_eq!(points("rows = 2").multiplicity, [1, 1]);
    let middle = points("rows = '1..4'");
    assert_eq!((middle.multiplicity, middle.values[(0, 1)]), (vec![2, 1], 2.0));
    assert_eq!(points("rows = '3..'").column_of_row, [0, 1]);
}

#[test]
fn unused_but_known_keys_are_pointed_out() {
    let s = section("[landscape]\nt = 1\n");
    let known = [Key { name: "t", takes: Takes::Number, default: "", doc: "" }];
    assert!(parts(s.finish(&known).unwrap_err()).0.contains("no effect"));
}

#[test]
fn regions_are_checked() {
    let region = |text: &str| study(&format!("[landscape]\nkind = 'toy'\n[region]\n{text}\n"), &[]);
    let ok = region("box = { lower = [-1, -2], upper = 3 }").unwrap();
    assert_eq!(ok.region_for(2).unwrap(), Some(Region::cuboid(vec![-1.0, -2.0], vec![3.0, 3.0])));
    let (message, _, _, at) = parts(ok.region_for(3).unwrap_err());
    assert!(message.contains("2 numbers") && at == (4, 17), "{message} {at:?}");
    let ball = region("ball = { center = [1, 2], radius = 2 }").unwrap();
    assert_eq!(ball.region_for(2).unwrap(), Some(Region::ball(vec![1.0, 2.0], 2.0)));
    assert_eq!(study("[landscape]\nkind = 'toy'\n", &[]).unwrap().region_for(2).unwrap(), None);
    for bad in [
        "",
        "ball = 3",
        "ball = { center = [0] }",
        "ball = { center = [0], radius = 0 }",
        "ball = { center = [0], radius = inf }",
        "ball = { center = [nan], radius = 1 }",
        "ball = { center = [0], radius = 1, colour = 2 }",
        "ball = { radius = 1 }\nbox = { lower = 0, upper = 1 }",
        "box = { lower = [0, 0], upper = [1] }",
        "box = { lower = [0, 2], upper = [1, 2] }",
        "box = { lower = 1, upper = 0 }",
        "box = { lower = 1 }",
        "cube = 1",
    ] {
        assert!(region(bad).is_err(), "{bad}");
    }
}

#[test]
fn sections_of_later_versions_are_remembered() {
    let s = study("[landscape]\nkind = 'toy'\n[measure]\ntemperatures = [0.1]\n[certify]\n", &[]).unwrap();
    assert!(s.not_done.is_empty());
    assert!(s.certify.is_some());
    assert_eq!(s.measure.as_ref().and_then(|m| m.temperatures.clone()), Some(vec![0.1]));
    assert_eq!(s.critical.method, "auto");
    assert_eq!(s.default_folder(), Path::new("smale.results"));
}

#[test]
fn deep_nesting_does_not_bring_us_down() {
    for text in [
        format!("[landscape]\nkind = {}", "[".repeat(100_000)),
        format!("[landscape]\n{}x = 1\n", "a.".repeat(20_000)),
        format!("[{}x]\n", "a.".repeat(20_000)),
    ] {
        assert!(study(&text, &[]).is_err());
    }
}
