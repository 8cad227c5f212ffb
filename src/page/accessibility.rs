//! The accessibility tree: what a screen reader is told of a page.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cdp::CallError;

use super::decode::decode;
use super::frame::Frame;
use super::page::send;
use super::value::RemoteObject;

/// How a snapshot is taken.
#[derive(Clone, Debug)]
pub struct SnapshotOptions {
    /// Without what tells a reader nothing. Default: true.
    pub interesting_only: bool,
    /// What is in frames too. Default: false.
    pub include_iframes: bool,
    /// The element to begin at. Default: the document.
    pub root: Option<RemoteObject>,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self {
            interesting_only: true,
            include_iframes: false,
            root: None,
        }
    }
}

/// One thing that is told.
pub struct AxNode {
    /// The frame that it is in.
    pub frame: Frame,
    /// Chrome's id of its node, where it has one.
    pub backend_node_id: Option<i64>,
    /// Its role.
    pub role: String,
    /// What else is told of it, by name.
    pub properties: Vec<(&'static str, Value)>,
    /// What is in it: where in the list of all.
    pub children: Vec<usize>,
}

/// Nodes, each behind those that are in it: the last is the root.
pub type Snapshot = Vec<AxNode>;

#[derive(Deserialize)]
struct FullTree {
    nodes: Vec<RawNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawNode {
    node_id: String,
    #[serde(default)]
    ignored: bool,
    role: Option<AxValue>,
    name: Option<AxValue>,
    description: Option<AxValue>,
    value: Option<AxValue>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    child_ids: Vec<String>,
    #[serde(rename = "backendDOMNodeId")]
    backend_node_id: Option<i64>,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    value: AxValue,
}

#[derive(Deserialize)]
struct AxValue {
    value: Option<Value>,
}

impl AxValue {
    fn is_set(&self) -> bool {
        self.value.as_ref().is_some_and(is_truthy)
    }
}

/// As JavaScript takes it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Parts of a page that a reader can go to.
const LANDMARKS: [&str; 8] = [
    "banner",
    "complementary",
    "contentinfo",
    "form",
    "main",
    "navigation",
    "region",
    "search",
];

/// What a user operates.
const CONTROLS: [&str; 21] = [
    "button",
    "checkbox",
    "ColorWell",
    "combobox",
    "DisclosureTriangle",
    "listbox",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "radio",
    "scrollbar",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "tree",
    "treeitem",
];

/// What ARIA has no children of: theirs are presentation.
const LEAVES: [&str; 9] = [
    "doc-cover",
    "graphics-symbol",
    "img",
    "image",
    "Meter",
    "scrollbar",
    "slider",
    "separator",
    "progressbar",
];

const TEXTS: [&str; 4] = ["LineBreak", "text", "InlineTextBox", "StaticText"];

const AS_THEY_ARE: [&str; 7] = [
    "name",
    "value",
    "description",
    "keyshortcuts",
    "roledescription",
    "valuetext",
    "url",
];
const FLAGS: [&str; 11] = [
    "disabled",
    "expanded",
    "focused",
    "modal",
    "multiline",
    "multiselectable",
    "readonly",
    "required",
    "selected",
    "busy",
    "atomic",
];
const TRISTATES: [&str; 2] = ["checked", "pressed"];
const NUMBERS: [&str; 3] = ["level", "valuemax", "valuemin"];
const TOKENS: [&str; 8] = [
    "autocomplete",
    "haspopup",
    "invalid",
    "orientation",
    "live",
    "relevant",
    "errormessage",
    "details",
];

impl RawNode {
    fn role(&self) -> &str {
        match &self.role {
            Some(role) => role.value.as_ref().and_then(Value::as_str).unwrap_or_default(),
            None => "Unknown",
        }
    }

    fn property(&self, name: &str) -> Option<&AxValue> {
        let property = self.properties.iter().rfind(|property| property.name == name);
        property.map(|property| &property.value)
    }

    fn is_set(&self, name: &str) -> bool {
        self.property(name).is_some_and(AxValue::is_set)
    }

    fn has_text(&self) -> bool {
        let texts = [&self.name, &self.description];
        texts.into_iter().flatten().any(AxValue::is_set)
    }

    fn is_control(&self) -> bool {
        CONTROLS.contains(&self.role())
    }

    fn is_rich(&self) -> bool {
        let value = self
            .property("editable")
            .and_then(|editable| editable.value.as_ref());
        value.and_then(Value::as_str) == Some("richtext")
    }

    /// A field of plain text, whose children are how the browser draws it.
    fn is_plain_field(&self) -> bool {
        let is_field = self.property("editable").is_some() || matches!(self.role(), "textbox" | "searchbox");
        is_field && !self.is_rich()
    }

    fn is_leaf(&self, has_children: bool, has_focusable_child: bool) -> bool {
        let role = self.role();
        !has_children
            || self.is_plain_field()
            || TEXTS.contains(&role)
            || LEAVES.contains(&role)
            || !has_focusable_child && role == "heading" && self.name.as_ref().is_some_and(AxValue::is_set)
    }

    fn is_interesting(&self, in_control: bool, is_leaf: bool) -> bool {
        const WORTH_TELLING: [&str; 4] = ["focusable", "busy", "modal", "roledescription"];
        let role = self.role();
        if role == "Ignored" || self.ignored || self.is_set("hidden") {
            return false;
        }
        let live = self.property("live").and_then(|live| live.value.as_ref());
        LANDMARKS.contains(&role)
            || WORTH_TELLING.iter().any(|name| self.is_set(name))
            || self.is_rich()
            || live.is_some_and(|live| is_truthy(live) && live != "off")
            || self.property("errormessage").is_some()
            || self.property("details").is_some()
            || self.is_control()
            || !in_control && is_leaf && self.has_text()
    }

    /// What is told of it, in puppeteer's order.
    fn told(&self) -> Vec<(&'static str, Value)> {
        let mut values: HashMap<String, &Value> = HashMap::new();
        let null = &Value::Null;
        for property in &self.properties {
            let value = property.value.value.as_ref().unwrap_or(null);
            values.insert(property.name.to_lowercase(), value);
        }
        for (name, value) in [
            ("name", &self.name),
            ("value", &self.value),
            ("description", &self.description),
        ] {
            if let Some(value) = value {
                values.insert(name.to_owned(), value.value.as_ref().unwrap_or(null));
            }
        }
        let mut told = Vec::new();
        for name in AS_THEY_ARE {
            told.extend(values.get(name).map(|value| (name, (*value).clone())));
        }
        for name in FLAGS {
            // Of a document it says that its frame has the focus.
            if name == "focused" && self.role() == "RootWebArea" {
                continue;
            }
            told.extend(values.get(name).map(|value| (name, is_truthy(value).into())));
        }
        for name in TRISTATES {
            told.extend(values.get(name).map(|value| {
                let is_mixed = value.as_str() == Some("mixed");
                (
                    name,
                    if is_mixed {
                        "mixed".into()
                    } else {
                        (*value == "true").into()
                    },
                )
            }));
        }
        for name in NUMBERS {
            told.extend(values.get(name).map(|value| (name, (*value).clone())));
        }
        for name in TOKENS {
            let value = values
                .get(name)
                .filter(|value| is_truthy(value) && **value != "false");
            told.extend(value.map(|value| (name, (*value).clone())));
        }
        told
    }
}

/// A tree as Chrome sends it, and what follows from it.
struct Tree {
    nodes: Vec<RawNode>,
    children: Vec<Vec<usize>>,
    /// Parents before children.
    order: Vec<usize>,
    /// What is in the frames that nodes hold.
    frames: HashMap<usize, Snapshot>,
}

impl Tree {
    fn new(nodes: Vec<RawNode>) -> Self {
        let places: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (node.node_id.as_str(), place))
            .collect();
        let children = nodes.iter().map(|node| {
            let ids = node.child_ids.iter();
            ids.filter_map(|id| places.get(id.as_str()).copied()).collect()
        });
        let mut tree = Self {
            children: children.collect(),
            nodes,
            order: Vec::new(),
            frames: HashMap::new(),
        };
        tree.order = tree.below(0);
        tree
    }

    /// The node and all below it, parents first. Documents can be deeper than a stack is.
    fn below(&self, root: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if node < self.nodes.len() {
                order.push(node);
                open.extend(self.children[node].iter().rev());
            }
        }
        order
    }

    /// What tells a reader something.
    fn interesting(&self) -> Vec<bool> {
        let count = self.nodes.len();
        let mut has_focusable_child = vec![false; count];
        for &node in self.order.iter().rev() {
            has_focusable_child[node] = self.children[node]
                .iter()
                .any(|&child| has_focusable_child[child] || self.nodes[child].is_set("focusable"));
        }
        let mut interesting = vec![false; count];
        let mut open = vec![(0, false)];
        while let Some((place, in_control)) = open.pop() {
            let (node, children) = (&self.nodes[place], &self.children[place]);
            let is_leaf = node.is_leaf(!children.is_empty(), has_focusable_child[place]);
            interesting[place] = node.is_interesting(in_control, is_leaf) || self.frames.contains_key(&place);
            if !is_leaf {
                let in_control = in_control || node.is_control();
                open.extend(children.iter().map(|&child| (child, in_control)));
            }
        }
        interesting
    }

    /// The node with what is in it; what is not shown gives way to what is in it.
    fn snapshot(mut self, frame: &Frame, root: usize, shown: Option<&[bool]>) -> Snapshot {
        let mut told = Snapshot::new();
        let mut parts: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for place in self.below(root).into_iter().rev() {
            let mut children = Vec::new();
            for &child in &self.children[place] {
                children.append(&mut parts[child]);
            }
            if shown.is_some_and(|shown| !shown[place]) {
                parts[place] = children;
                continue;
            }
            if let Some(inner) = self.frames.remove(&place) {
                let before = told.len();
                told.extend(inner.into_iter().map(|mut node| {
                    for child in &mut node.children {
                        *child += before;
                    }
                    node
                }));
                children.push(told.len() - 1);
            }
            let node = &self.nodes[place];
            told.push(AxNode {
                frame: frame.clone(),
                backend_node_id: node.backend_node_id,
                role: node.role().to_owned(),
                properties: node.told(),
                children,
            });
            parts[place].push(told.len() - 1);
        }
        // Where the root is not shown, the first of what is in it stands for all.
        let first = parts[root].first().map_or(0, |first| first + 1);
        told.truncate(first);
        told
    }
}

impl Frame {
    /// What a screen reader is told of the frame; nothing where there is nothing to tell.
    ///
    /// # Errors
    /// As any command.
    pub async fn accessibility_snapshot(&self, options: &SnapshotOptions) -> Result<Snapshot, CallError> {
        let session = self.session();
        let method = "Accessibility.getFullAXTree";
        let answer = send(&session, method, json!({ "frameId": &**self.id() }));
        let root = match &options.root {
            Some(root) => Some(self.backend_node_id(root).await?),
            None => None,
        };
        let mut tree = Tree::new(decode::<FullTree>(method, answer.await?.get())?.nodes);
        let root = match root {
            None => (!tree.nodes.is_empty()).then_some(0),
            Some(id) => {
                let is_root = |place: &&usize| tree.nodes[**place].backend_node_id == Some(id);
                tree.order.iter().find(is_root).copied()
            }
        };
        let Some(root) = root else {
            return Ok(Snapshot::new());
        };
        if options.include_iframes && options.root.is_none() {
            for place in tree.order.clone() {
                let node = &tree.nodes[place];
                let Some(id) = node.backend_node_id.filter(|_| node.role() == "Iframe") else {
                    continue;
                };
                let Some(inner) = self.content_frame_of(id).await? else {
                    continue;
                };
                // A frame can leave at any time.
                if let Ok(told) = Box::pin(inner.accessibility_snapshot(options)).await
                    && !told.is_empty()
                {
                    tree.frames.insert(place, told);
                }
            }
        }
        let shown = options.interesting_only.then(|| tree.interesting());
        Ok(tree.snapshot(self, root, shown.as_deref()))
    }

    /// The frame that the node of this id holds.
    async fn content_frame_of(&self, backend_node_id: i64) -> Result<Option<Frame>, CallError> {
        #[derive(Deserialize)]
        struct Described {
            node: DescribedNode,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct DescribedNode {
            frame_id: Option<String>,
        }
        let method = "DOM.describeNode";
        let params = json!({ "backendNodeId": backend_node_id });
        match send(&self.session(), method, params).await {
            Ok(answer) => {
                let described: Described = decode(method, answer.get())?;
                let page = self.page();
                Ok(described.node.frame_id.and_then(|id| page.frame(&id)))
            }
            // The node is gone.
            Err(CallError::Protocol { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
