//! `[continue]`: the section, and what `smale continue` makes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::pipeline::{Outcome, critical_options, frame, title};
use super::quantity::{coordinates, quantity};
use super::second::{self, Second};
use super::section::Section;
use super::{Study, keys};
use crate::connection::Order;
use crate::continuation::{
    self, Branch, Diagram, End, Event, EventKind, Graphs, Itinerary, Plane, Spectrum, SplittingTree, Times,
};
use crate::control::{Control, Progress};
use crate::critical::{self, Level};
use crate::error::{Error, Result, brief, shown};
use crate::export::{self, significant};
use crate::landscape::{Family, Region, parameter_names};
use crate::report::{self, Quantity};

/// Names of the files.
pub(super) const FILES: [&str; 8] = [
    "branches.csv",
    "events.csv",
    "itinerary.json",
    "bifurcation-diagram.svg",
    "splitting-tree.svg",
    "splitting.csv",
    "spectra.csv",
    "spectra.svg",
];

/// Names of the files about the plane of two parameters.
pub(super) const PLANE_FILES: [&str; 3] = ["curves.csv", "plane.json", "phase-diagram.svg"];

/// Lines of the headline about single events.
const MOST_LINES: usize = 40;

/// Graphs are computed unless the study says for so many branches, and dimensions.
const MOST_BRANCHES: usize = 200;
const MOST_DIMENSIONS: usize = 100;

/// Up to this dimension all connections of the graphs are looked for unless the study says.
const MOST_WHOLE: usize = 3;

/// What is to be continued, in what, and how; `None` leaves the choice to the continuation.
#[derive(Clone)]
pub struct ContinueSection {
    /// The parameter.
    pub parameter: String,
    /// One end of its range.
    pub from: f64,
    /// The other end; above or below `from`.
    pub to: f64,
    /// Newton's correction, relative to the natural scales, below which a point lies on its branch; positive.
    pub tolerance: Option<f64>,
    /// Longest step along a branch, in natural scales; positive.
    pub max_step: Option<f64>,
    /// Most points of a branch, at least 1.
    pub max_points: Option<usize>,
    /// Number of parameter values between the ends at which critical points are searched. See
    /// [`continuation::starting_values`].
    pub starts: Option<usize>,
    /// Points above this index are not searched for and not followed from.
    pub max_index: Option<usize>,
    /// What is drawn upwards.
    pub ordinate: Quantity,
    /// Are the graphs between the events computed? By default if there are not too many branches.
    pub graphs: Option<bool>,
    /// Is the tree computed in which minima split?
    pub tree: bool,
    /// Are branches proven to be smooth curves, where that is to be had?
    pub prove: bool,
    /// The second parameter of a plane.
    pub second: Option<Second>,
    /// Where its keys stand.
    section: Section,
}

/// Reads the section.
pub(super) fn read(section: &mut Section) -> Result<ContinueSection> {
    let (parameter, from, to) = (section.text("parameter")?, section.number("from")?, section.number("to")?);
    let (Some(parameter), Some(from), Some(to)) = (parameter, from, to) else {
        // A misspelt key is often why another one is missing, so it is the better message.
        section.misspelt(keys::of_section("continue"))?;
        let examples = [("parameter", "\"sigma\""), ("from", "0.05"), ("to", "1.5")];
        let (key, example) = examples.into_iter().find(|(k, _)| !section.has(k)).unwrap_or(examples[0]);
        return Err(section.missing(key, example));
    };
    if from == to {
        return Err(section
            .error("to", format!("`to` must differ from `from`, which is {}, too", shown(from)))
            .with_help("the parameter runs between the two, either way"));
    }
    Ok(ContinueSection {
        parameter,
        from,
        to,
        tolerance: section.number("tolerance")?,
        max_step: section.number("max_step")?,
        max_points: section.integer("max_points")?,
        starts: section.integer("starts")?,
        max_index: section.integer("max_index")?,
        ordinate: quantity(section, "ordinate")?.unwrap_or(Quantity::Energy),
        graphs: section.flag("graphs")?,
        tree: section.flag("tree")?.unwrap_or(true),
        prove: section.flag("prove")?.unwrap_or(true),
        second: section.table("second")?.map(|mut table| second::read(&mut table)).transpose()?,
        section: section.clone(),
    })
}

impl ContinueSection {
    /// The section fits the landscape.
    fn check(&self, study: &Study, family: &dyn Family) -> Result<()> {
        if family.parameter_place(&self.parameter).is_none() {
            let names = parameter_names(family);
            // A landscape with parameters of single data knows how many there are.
            let own = match family.with_parameter(&self.parameter, self.from) {
                Err(Error::Input { help, .. }) if !family.row_parameters().is_empty() => help,
                _ => None,
            };
            let help = match names.is_empty() {
                true => "it has no parameter that can be changed".into(),
                false => own.unwrap_or_else(|| format!("its parameters are: {}", names.join(", "))),
            };
            let message =
                format!("`{}` has no `parameter` called {:?}", study.kind.name, brief(&self.parameter));
            return Err(self.section.error("parameter", message).with_help(help));
        }
        for (key, value) in [("from", self.from), ("to", self.to)] {
            if let Err(error) = family.with_parameter(&self.parameter, value) {
                let pointed = self.section.error(key, error.to_string());
                return Err(match error {
                    Error::Input { help: Some(help), .. } => pointed.with_help(help),
                    _ => pointed,
                });
            }
        }
        if let Some(second) = &self.second {
            second.check(study, family, &self.parameter, [self.from, self.to])?;
        }
        let n = family.dim();
        match self.ordinate.misfit(n) {
            None => Ok(()),
            Some(wrong) => Err(self.section.error("ordinate", wrong).with_help(coordinates(n))),
        }
    }
}

/// All that came out.
pub(super) struct Continuation {
    from: f64,
    to: f64,
    diagram: Diagram,
    itinerary: Option<Itinerary>,
    /// Hessian spectra along the branches.
    spectra: Vec<Spectrum>,
    tree: Option<SplittingTree>,
    /// Along the noise: speciation and collapse beside what the tree shows.
    times: Option<Times>,
    plane: Option<Plane>,
}

/// Follows all branches of the study's landscape, and asks for the graphs between their events.
pub(super) fn run(study: &Study, family: &dyn Family, control: &Control<'_>) -> Result<Continuation> {
    let Some(asked) = &study.continuation else {
        return Err(Error::input("the study has no [continue], which says what to follow").with_help(
            "write [continue] and below it parameter = \"sigma\", from = 0.05 and to = 1.5, say; \
             or add --set continue.parameter=sigma --set continue.from=0.05 --set continue.to=1.5",
        ));
    };
    asked.check(study, family)?;
    let region = study.region_for(family.dim())?;
    let default = continuation::Options::new(asked.from, asked.to);
    let options = continuation::Options {
        tolerance: asked.tolerance.unwrap_or(default.tolerance),
        max_step: asked.max_step.unwrap_or(default.max_step),
        max_points: asked.max_points.unwrap_or(default.max_points),
        region,
        seed: study.seed,
        prove: asked.prove,
        ..default
    };
    let follow = |starts: &[(f64, Vec<f64>)]| {
        let diagram = continuation::follow(family, &asked.parameter, starts, &options, control);
        diagram.map_err(|e| asked.section.locate(e))
    };
    // What can't be followed at all is refused before anything is searched.
    follow(&[])?;
    let starts = starts(study, asked, family, options.region.as_ref(), control)?;
    let diagram = follow(&starts)?;
    let region = study.region_for(family.dim())?;
    let (itinerary, tree) = graphs(study, asked, family, &diagram, region, control)?;
    let along_noise = asked.parameter == "sigma";
    let times = tree.as_ref().filter(|_| along_noise).and_then(|t| continuation::times(family.data()?, t));
    let plane = match &asked.second {
        Some(second) if !control.stopped() => Some(second.plane(study, asked, family, control)?),
        _ => None,
    };
    let spectra = if control.stopped() { vec![] } else { continuation::spectra(family, &diagram)? };
    Ok(Continuation { from: asked.from, to: asked.to, diagram, itinerary, spectra, tree, times, plane })
}

/// The critical points at some parameter values, with these.
fn starts(
    study: &Study,
    asked: &ContinueSection,
    family: &dyn Family,
    region: Option<&Region>,
    control: &Control<'_>,
) -> Result<Vec<(f64, Vec<f64>)>> {
    let mut search = critical_options(study);
    search.max_index = asked.max_index.or(search.max_index);
    // Branches and events have proofs of their own.
    search.prove = false;
    let values = continuation::starting_values(family, &asked.parameter, asked.from, asked.to, asked.starts);
    let mut starts = vec![];
    for (done, value) in values.iter().enumerate() {
        if control.stopped() {
            break;
        }
        let note = format!("{} = {}", asked.parameter, significant(*value, 4));
        (control.progress)(Progress { stage: "starting points", done, total: values.len(), note: &note });
        let landscape = family.with_parameter(&asked.parameter, *value)?;
        let set = critical::search(landscape.as_ref(), region, &search, control)?;
        let wanted = set.points.into_iter().filter(|p| asked.max_index.is_none_or(|most| p.index <= most));
        starts.extend(wanted.map(|p| (*value, p.x)));
    }
    Ok(starts)
}

/// The graphs between the events and the tree of the minima, as far as they are asked for.
fn graphs(
    study: &Study,
    asked: &ContinueSection,
    family: &dyn Family,
    diagram: &Diagram,
    region: Option<Region>,
    control: &Control<'_>,
) -> Result<(Option<Itinerary>, Option<SplittingTree>)> {
    let mut options = Graphs { region, ..Graphs::default() };
    options.graph.tolerance = study.graph.tolerance.unwrap_or(options.graph.tolerance);
    // A graph is wanted at many parameters: where circles and spheres of orbits make it costly, only if it is asked for.
    let all = if family.dim() <= MOST_WHOLE { Order::All } else { Order::One };
    options.graph.order = study.graph.order.unwrap_or(all);
    let options = &options;
    let few = diagram.branches.len() <= MOST_BRANCHES && family.dim() <= MOST_DIMENSIONS;
    let itinerary = match asked.graphs.unwrap_or(few) && !control.stopped() {
        true => Some(continuation::itinerary(family, diagram, options, control)?),
        false => None,
    };
    let tree = match asked.tree && !control.stopped() {
        true => Some(continuation::splitting_tree(family, diagram, options, control)?),
        false => None,
    };
    Ok((itinerary, tree))
}

/// What `smale continue` does.
pub(super) fn alone(
    study: &Study,
    family: &dyn Family,
    started: Instant,
    control: &Control<'_>,
) -> Result<Outcome> {
    let built = started.elapsed().as_secs_f64();
    let continuation = run(study, family, control)?;
    let followed = started.elapsed().as_secs_f64();
    let title = title(study);
    let files = continuation.files(study, &title)?;
    let total = started.elapsed().as_secs_f64();
    let interrupted = continuation.interrupted() || control.stopped();
    let shortfall = if interrupted { None } else { continuation.shortfall() };
    let mut summary = frame(study, family.dim(), interrupted, shortfall.as_deref(), &files);
    summary["continuation"] = continuation.json();
    summary["checks"] = continuation.checks().into();
    summary["levels"] = json!({ "continuation": export::level_name(continuation.level()) });
    Ok(Outcome {
        summary,
        timings: json!({
            "landscape": built,
            "continuation": followed - built,
            "files": total - followed,
            "total": total,
        }),
        headline: continuation.headline(&title),
        files,
        interrupted,
        shortfall,
    })
}

impl Continuation {
    pub(super) fn interrupted(&self) -> bool {
        self.diagram.interrupted
            || self.itinerary.as_ref().is_some_and(|i| i.interrupted)
            || self.tree.as_ref().is_some_and(|t| t.interrupted)
            || self.plane.as_ref().is_some_and(|p| p.interrupted)
    }

    /// The lowest level of branches, events and cuts.
    pub(super) fn level(&self) -> Level {
        let [branches, events, cuts] = self.levels();
        let curves = self.plane.iter().flat_map(|p| &p.curves).map(|c| c.level).min();
        // That these are all branches, and the graphs between, is not proven whatever else is.
        [branches, events, cuts, curves].into_iter().flatten().fold(Level::Checked, Level::min)
    }

    fn levels(&self) -> [Option<Level>; 3] {
        [
            self.diagram.branches.iter().map(|b| b.level).min(),
            self.diagram.events.iter().map(|e| e.level).min(),
            self.itinerary.as_ref().and_then(|i| i.cuts.iter().map(|c| c.level).min()),
        ]
    }

    /// Tables, itinerary and pictures.
    pub(super) fn files(&self, study: &Study, title: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let (itinerary, tree) = (self.itinerary.as_ref(), self.tree.as_ref());
        let image = study.report.image.map(|[rows, columns]| (rows, columns));
        let ordinate = study.continuation.as_ref().map_or(&Quantity::Energy, |asked| &asked.ordinate);
        let drawn = tree.filter(|tree| !tree.leaves.is_empty());
        let spectra = Some(self.spectra.as_slice()).filter(|s| !s.is_empty());
        let contents = [
            Some(export::branches_csv(&self.diagram)?),
            Some(export::events_csv(&self.diagram, itinerary)?),
            export::itinerary_json(&self.diagram, itinerary, tree, title)?,
            Some(report::bifurcation_diagram(&self.diagram, itinerary, ordinate, title)?),
            drawn.map(|tree| report::splitting_tree(tree, self.diagram.range, image, title)).transpose()?,
            drawn.map(export::splitting_csv).transpose()?,
            spectra.map(|s| export::spectra_csv(&self.diagram, s)).transpose()?,
            spectra.map(|s| report::spectra(&self.diagram, s, title)).transpose()?,
        ];
        let named = FILES.iter().zip(contents);
        let mut files: Vec<(String, Vec<u8>)> =
            named.filter_map(|(name, text)| Some(((*name).to_owned(), text?.into_bytes()))).collect();
        if let Some(plane) = &self.plane {
            let contents = [
                export::curves_csv(plane)?,
                export::plane_json(plane, title)?,
                report::phase_diagram(plane, title)?,
            ];
            files.extend(
                PLANE_FILES.iter().zip(contents).map(|(name, text)| ((*name).to_owned(), text.into_bytes())),
            );
        }
        Ok(files)
    }

    /// The `continuation` of the summary.
    pub(super) fn json(&self) -> Value {
        let mut events: BTreeMap<String, usize> = BTreeMap::new();
        for event in &self.diagram.events {
            *events.entry(export::event_name(&event.kind)).or_default() += 1;
        }
        let cuts = self.itinerary.as_ref().map(|i| &i.cuts);
        let [of_branches, of_events, of_cuts] = self.levels().map(|level| level.map(export::level_name));
        json!({
            "parameter": self.diagram.parameter,
            "from": self.from,
            "to": self.to,
            "branches": self.diagram.branches.len(),
            "points": self.diagram.branches.iter().map(|b| b.points.len()).sum::<usize>(),
            "proven_branches": self.diagram.branches.iter().filter(|b| b.level == Level::Proven).count(),
            "proven": self.proven(),
            "given_up": self.given_up().count(),
            "events": events,
            "unexplained": self.unexplained(),
            "cuts": cuts.map(Vec::len),
            "unexplained_cuts": cuts.map(|cuts| cuts.iter().filter(|c| !c.explained).count()),
            "intervals": self.itinerary.as_ref().map(|i| i.intervals.len()),
            "mergers": self.tree.as_ref().map(|t| t.mergers.iter().filter(|m| !m.renamed).count()),
            "diffusion": self.times,
            "plane": self.plane.as_ref().map(second::json),
            "levels": { "branches": of_branches, "events": of_events, "cuts": of_cuts },
            "work": self.diagram.work,
            "interrupted": self.interrupted(),
        })
    }

    /// Pieces of branches, from a point to the next: how many there are, how many are proven, and along how many of these the index
    /// is; and the stretches of each branch.
    fn proven(&self) -> Value {
        let branches = &self.diagram.branches;
        let all = || branches.iter().flat_map(|b| &b.proven);
        let stretches = |b: &Branch| b.proven.iter().map(|p| [p.first, p.last]).collect::<Vec<_>>();
        let listed = branches.len() <= MOST_BRANCHES;
        json!({
            "pieces": branches.iter().map(|b| b.points.len().saturating_sub(1)).sum::<usize>(),
            "smooth": all().map(|p| p.last - p.first).sum::<usize>(),
            "indexed": all().map(|p| p.indexed).sum::<usize>(),
            "error": all().map(|p| p.error).fold(0.0, f64::max),
            "stretches": listed.then(|| branches.iter().map(stretches).collect::<Vec<_>>()),
        })
    }

    /// Changes of the index that no located event explains.
    fn unexplained(&self) -> usize {
        let events = self.diagram.events.iter().filter(|e| e.kind == EventKind::Unexplained).count();
        events.max(self.diagram.ledger().len())
    }

    /// Why branches were given up.
    fn given_up(&self) -> impl Iterator<Item = (usize, &str)> {
        let ends =
            self.diagram.branches.iter().enumerate().flat_map(|(k, b)| b.ends.iter().map(move |e| (k, e)));
        ends.filter_map(|(branch, end)| match end {
            End::Failed(why) => Some((branch, why.as_str())),
            _ => None,
        })
    }

    pub(super) fn checks(&self) -> Vec<Value> {
        let leaps = self.unexplained();
        let events = self.diagram.events.len();
        let mut checks = vec![json!({
            "name": "index_ledger",
            "passed": leaps == 0,
            "detail": match leaps {
                0 => format!("every change of the index along the branches is one of {events} events"),
                _ => format!("{leaps} changes of the index are explained by no event"),
            },
        })];
        if let Some(itinerary) = &self.itinerary {
            let (all, open) = (itinerary.cuts.len(), itinerary.cuts.iter().filter(|c| !c.explained).count());
            checks.push(json!({
                "name": "itinerary",
                "passed": open == 0,
                "detail": format!("at {} of {all} cuts the graph below, changed by the event, is the graph above", all - open),
            }));
        }
        checks.extend(self.plane.as_ref().map(second::check));
        checks
    }

    /// What was asked for and not reached, if anything.
    pub(super) fn shortfall(&self) -> Option<String> {
        let leaps = self.unexplained();
        if self.diagram.branches.is_empty() {
            return Some("no branch was found: there is no critical point to start from".into());
        }
        if leaps > 0 {
            return Some(format!(
                "{leaps} changes of the Morse index along branches are explained by no event"
            ));
        }
        if let Some((branch, why)) = self.given_up().next() {
            let count = self.given_up().count();
            return Some(format!(
                "{count} ends of branches were given up; the first, of branch {branch}: {why}"
            ));
        }
        if let Some(why) = self.diagram.work.lost.first() {
            return Some(format!(
                "{} branches were not followed; the first: {why}",
                self.diagram.work.lost.len()
            ));
        }
        let cuts = self.itinerary.as_ref().map_or(&[][..], |i| &i.cuts);
        let open: Vec<_> = cuts.iter().filter(|c| !c.explained).collect();
        let Some(first) = open.first() else { return self.plane.as_ref().and_then(second::shortfall) };
        let (parameter, at) = (&self.diagram.parameter, significant(first.parameter, 9));
        Some(format!(
            "{} cuts of the itinerary are not explained; the first, at {parameter} = {at}: {}",
            open.len(),
            first.open
        ))
    }

    /// The result in words: what there is, then a line a cut, or an event where no graphs were computed.
    pub(super) fn headline(&self, title: &str) -> String {
        let parameter = &self.diagram.parameter;
        let mut text = format!(
            "{title}: {} along {parameter} from {} to {}, {}",
            counted(self.diagram.branches.len(), "branch", "branches"),
            shown(self.from),
            shown(self.to),
            counted(self.diagram.events.len(), "event", "events"),
        );
        if let Some(itinerary) = &self.itinerary {
            let open = itinerary.cuts.iter().filter(|c| !c.explained).count();
            text += &format!(", {}", counted(itinerary.intervals.len(), "interval", "intervals"));
            if open > 0 {
                text += &format!(", {open} unexplained");
            }
        }
        if self.interrupted() {
            text += "; interrupted";
        }
        let lines: Vec<(f64, String, String)> = match &self.itinerary {
            Some(itinerary) => itinerary
                .cuts
                .iter()
                .map(|cut| {
                    let words = if cut.explained {
                        cut.words.join("; ")
                    } else {
                        format!("unexplained: {}", cut.open)
                    };
                    (cut.parameter, export::cut_name(&self.diagram, cut), words)
                })
                .collect(),
            None => {
                let n = self.diagram.branches.first().and_then(|b| b.points.first()).map_or(0, |p| p.x.len());
                let line = |e: &Event| (e.parameter, export::event_name(&e.kind), words(e, n));
                self.diagram.events.iter().map(line).collect()
            }
        };
        let width = lines.iter().map(|(_, kind, _)| kind.len()).max().unwrap_or(0);
        for (at, kind, words) in lines.iter().take(MOST_LINES) {
            let line = format!("\n{parameter} = {:<12}  {kind:width$}  {words}", significant(*at, 9));
            text += line.trim_end();
        }
        if lines.len() > MOST_LINES {
            text += &format!("\n{} more in events.csv", lines.len() - MOST_LINES);
        }
        if let Some(plane) = &self.plane {
            text += &second::headline(plane);
        }
        text
    }
}

/// What meets at an event, by the indices along the branches that pass it.
fn words(event: &Event, n: usize) -> String {
    let name = |index: usize| match index {
        0 => "minimum".to_owned(),
        k if k == n => "maximum".to_owned(),
        k => format!("saddle of index {k}"),
    };
    let changes = event.branches.iter().zip(&event.index_change);
    let mut parts: Vec<String> = changes
        .map(|((branch, _), change)| match (change, &event.kind) {
            ([Some(a), Some(b)], EventKind::Fold) => {
                let (low, high) = (*a.min(b), *a.max(b));
                format!("{} and {} on branch {branch}", name(low), name(high))
            }
            ([Some(a), Some(b)], _) if a == b => format!("{} on both sides of branch {branch}", name(*a)),
            ([Some(a), Some(b)], _) => format!("{} to {} on branch {branch}", name(*a), name(*b)),
            ([Some(a), None] | [None, Some(a)], _) => format!("{} of branch {branch}", name(*a)),
            ([None, None], _) => format!("branch {branch}"),
        })
        .collect();
    parts.extend(Some(event.note.clone()).filter(|note| !note.is_empty()));
    parts.join("; ")
}

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
