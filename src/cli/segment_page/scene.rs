//! Boxes and arrows.

use std::collections::{BTreeMap, BTreeSet};

use crate::segment::{Category, Graph, Group, Link, LinkKind, Node};

/// Most segments that are drawn one by one.
const SEGMENTS_MAX: usize = 60;
/// Most lines at an arrow.
const LINES_MAX: usize = 3;

/// Where a box belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Outside,
    Frontend,
    Internal,
    Data,
    Management,
    Legacy,
}

impl Lane {
    /// The lanes of the upper band, from left to right.
    pub(super) const UPPER: [Self; 4] = [Self::Outside, Self::Frontend, Self::Internal, Self::Data];
    /// Those that stand apart below.
    pub(super) const LOWER: [Self; 2] = [Self::Management, Self::Legacy];

    /// The heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Outside => "Outside",
            Self::Frontend => "Front end",
            Self::Internal => "Internal",
            Self::Data => "Data",
            Self::Management => "Management",
            Self::Legacy => "Legacy, apart",
        }
    }

    /// The class of its boxes.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Frontend => "frontend",
            Self::Internal => "internal",
            Self::Data => "data",
            Self::Management => "management",
            Self::Legacy => "legacy",
        }
    }

    const fn of(category: Option<Category>) -> Self {
        match category {
            Some(Category::Frontend) => Self::Frontend,
            // A segment without a category is a fault that the checks name.
            Some(Category::Internal) | None => Self::Internal,
            Some(Category::Data) => Self::Data,
            Some(Category::Management) => Self::Management,
            Some(Category::Legacy) => Self::Legacy,
        }
    }
}

/// A box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// A line below the name.
    pub(super) about: String,
    /// Where it connects to that is not drawn.
    pub(super) out: BTreeSet<String>,
    /// What its instances offer each other.
    pub(super) within: BTreeSet<String>,
    /// Whether the page tells more.
    pub(super) linked: bool,
}

/// An arrow: between which boxes, and whether it is for administration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: (Lane, String),
    pub(super) to: (Lane, String),
    pub(super) admin: bool,
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scene {
    /// The boxes, by lane and name.
    pub(super) shapes: BTreeMap<(Lane, String), Shape>,
    /// The arrows with their lines.
    pub(super) arrows: BTreeMap<Arrow, Vec<String>>,
    /// Whether boxes are categories.
    pub(super) summary: bool,
}

impl Scene {
    /// The scene of a graph.
    pub(super) fn new(graph: &Graph) -> Self {
        let mut scene = Self {
            summary: graph.segments.len() > SEGMENTS_MAX,
            ..Self::default()
        };
        let mut counts: BTreeMap<Lane, (usize, usize)> = BTreeMap::new();
        for (name, group) in &graph.segments {
            let lane = Lane::of(group.category);
            let count = counts.entry(lane).or_default();
            count.0 = count.0.saturating_add(1);
            count.1 = count.1.saturating_add(group.images.len());
            if !scene.summary {
                let shape = Shape {
                    about: about(group),
                    linked: true,
                    ..Shape::default()
                };
                scene.shapes.insert((lane, name.to_string()), shape);
            }
        }
        if scene.summary {
            for (lane, (segments, images)) in counts {
                let shape = Shape {
                    about: format!("{segments} segments, {images} images"),
                    ..Shape::default()
                };
                scene.shapes.insert((lane, lane.class().to_owned()), shape);
            }
        }
        for link in graph.links.keys() {
            scene.add(graph, link);
        }
        for lines in scene.arrows.values_mut() {
            let more = lines.len().saturating_sub(LINES_MAX);
            if more > 0 {
                lines.truncate(LINES_MAX.saturating_sub(1));
                lines.push(format!("and {} more", more.saturating_add(1)));
            }
        }
        scene
    }

    fn add(&mut self, graph: &Graph, link: &Link) {
        let from = self.place(graph, &link.from);
        let to = self.place(graph, &link.to);
        let opening = link.opening();
        match (from, to) {
            (Some(from), _) if link.kind == LinkKind::Egress => {
                if let Some(shape) = self.shapes.get_mut(&from) {
                    shape.out.insert(match &link.to {
                        Node::Public => "anywhere".to_owned(),
                        other => other.to_string(),
                    });
                }
            }
            (Some(from), Some(to)) if from == to => {
                if let Some(shape) = self.shapes.get_mut(&from) {
                    shape.within.insert(format!("{} {opening}", link.service));
                }
            }
            (Some(from), Some(to)) => {
                let admin = link.kind == LinkKind::Admin;
                let line = if self.summary {
                    opening
                } else {
                    format!("{} {opening}", link.service)
                };
                let lines = self.arrows.entry(Arrow { from, to, admin }).or_default();
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
            (None, _) | (_, None) => {}
        }
    }

    /// The box of a node; what is outside gets one as soon as it is one end of an arrow.
    fn place(&mut self, graph: &Graph, node: &Node) -> Option<(Lane, String)> {
        let (key, about) = match node {
            Node::Segment(name) => {
                let group = graph.segments.get(name)?;
                let lane = Lane::of(group.category);
                let name = if self.summary {
                    lane.class().to_owned()
                } else {
                    name.to_string()
                };
                return Some((lane, name));
            }
            Node::Public => ((Lane::Outside, "public".to_owned()), "anybody"),
            Node::Outside(name) => ((Lane::Outside, name.to_string()), "a network outside"),
            Node::Net(net) => ((Lane::Outside, net.to_string()), "addresses"),
            Node::Infrastructure(_) => return None,
        };
        let connects = graph.links.keys().any(|link| link.from == *node);
        if !connects {
            return None;
        }
        self.shapes.entry(key.clone()).or_insert_with(|| Shape {
            about: about.to_owned(),
            ..Shape::default()
        });
        Some(key)
    }
}

fn about(group: &Group) -> String {
    let images = match group.images.len() {
        1 => group.images.first().cloned().unwrap_or_default(),
        many => format!("{many} images"),
    };
    match group.data_class {
        Some(class) => format!("{images} \u{b7} {class}"),
        None => images,
    }
}
