//! Layered layout of a small directed graph: cycles broken, longest-path layers, few crossings, straight long edges.
//!
//! Pure and deterministic: the same playbook always gives the same picture. Steps per playbook are tens, so the simple
//! quadratic forms of the classic algorithm (Sugiyama) are fast enough and short.

/// A place in the picture's own units.
pub(super) type Point = (f64, f64);

/// Sizes of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Between two nodes of a layer.
    pub(super) gap: f64,
    /// Between two layers.
    pub(super) rise: f64,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    /// The middle of each node.
    pub(super) nodes: Vec<Point>,
    /// The way of each edge, in the order given; `true` where it goes back up.
    pub(super) edges: Vec<(Vec<Point>, bool)>,
    pub(super) size: Point,
}

/// A dummy takes little room: a long edge only needs a lane.
const LANE: f64 = 26.0;
/// How often order and places are improved.
const ROUNDS: usize = 8;

/// Lays a graph out; node 0 is the beginning.
pub(super) fn lay_out(nodes: usize, edges: &[(usize, usize)], sizes: Sizes) -> Picture {
    let back = back_edges(nodes, edges);
    let layer = layers(nodes, edges, &back);
    let mut graph = Graph::new(&layer, edges, &back);
    graph.order();
    let x = graph.places(sizes);
    graph.draw(&x, edges, sizes)
}

/// Finds the edges that close a cycle, by a walk in depth from the beginning.
fn back_edges(nodes: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Closed,
    }
    let mut seen = vec![Seen::No; nodes];
    let mut back = vec![false; edges.len()];
    for root in 0..nodes {
        let mut walk = vec![(root, 0)];
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::Open;
        while let Some((node, from)) = walk.pop() {
            let next = edges.iter().enumerate().skip(from).find(|(_, (start, _))| *start == node);
            let Some((edge, (_, end))) = next else {
                seen[node] = Seen::Closed;
                continue;
            };
            walk.push((node, edge + 1));
            match seen[*end] {
                Seen::Open => back[edge] = true,
                Seen::No => {
                    seen[*end] = Seen::Open;
                    walk.push((*end, 0));
                }
                Seen::Closed => {}
            }
        }
    }
    back
}

/// Puts each node below everything that leads to it.
fn layers(nodes: usize, edges: &[(usize, usize)], back: &[bool]) -> Vec<usize> {
    let mut layer = vec![0; nodes];
    for _ in 0..nodes {
        let mut is_settled = true;
        for ((from, to), _) in edges.iter().zip(back).filter(|(_, back)| !**back) {
            if layer[*to] <= layer[*from] {
                layer[*to] = layer[*from] + 1;
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    layer
}

/// Nodes and dummies in layers; every link joins neighbouring layers.
struct Graph {
    /// The vertices of each layer, from left to right.
    rows: Vec<Vec<usize>>,
    /// Vertices above and below each vertex.
    up: Vec<Vec<usize>>,
    down: Vec<Vec<usize>>,
    nodes: usize,
    /// The vertices that each edge passes; empty for edges that go back.
    ways: Vec<Vec<usize>>,
}

impl Graph {
    fn new(layer: &[usize], edges: &[(usize, usize)], back: &[bool]) -> Self {
        let depth = layer.iter().max().map_or(0, |last| last + 1);
        let mut rows = vec![Vec::new(); depth];
        for (node, layer) in layer.iter().enumerate() {
            rows[*layer].push(node);
        }
        let mut count = layer.len();
        let ways = edges.iter().zip(back).map(|((from, to), is_back)| {
            if *is_back {
                return Vec::new();
            }
            let mut way = vec![*from];
            for row in &mut rows[layer[*from] + 1..layer[*to]] {
                row.push(count);
                way.push(count);
                count += 1;
            }
            way.push(*to);
            way
        });
        let ways: Vec<Vec<usize>> = ways.collect();
        let (mut up, mut down) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for pair in ways.iter().flat_map(|way| way.windows(2)) {
            down[pair[0]].push(pair[1]);
            up[pair[1]].push(pair[0]);
        }
        Self { rows, up, down, nodes: layer.len(), ways }
    }

    /// Orders each layer by the middle of its neighbours, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for round in 0..ROUNDS {
            let rows: Vec<usize> = if round % 2 == 0 {
                (1..self.rows.len()).collect()
            } else {
                (0..self.rows.len().saturating_sub(1)).rev().collect()
            };
            for row in rows {
                let beside = if round % 2 == 0 { &self.rows[row - 1] } else { &self.rows[row + 1] };
                let links = if round % 2 == 0 { &self.up } else { &self.down };
                let middle = |vertex: usize, own: usize| {
                    let places: Vec<usize> = links[vertex]
                        .iter()
                        .filter_map(|other| beside.iter().position(|known| known == other))
                        .collect();
                    if places.is_empty() {
                        float(own)
                    } else {
                        float(places.iter().sum::<usize>()) / float(places.len())
                    }
                };
                let mut keyed: Vec<(f64, usize)> = self.rows[row]
                    .iter()
                    .enumerate()
                    .map(|(own, vertex)| (middle(*vertex, own), *vertex))
                    .collect();
                keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
                self.rows[row] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    fn crossings(&self) -> usize {
        self.rows.windows(2).map(|pair| self.crossings_between(&pair[0], &pair[1])).sum()
    }

    fn crossings_between(&self, above: &[usize], below: &[usize]) -> usize {
        let ends = |vertex: &usize| {
            self.down[*vertex].iter().filter_map(|to| below.iter().position(|known| known == to))
        };
        let links: Vec<(usize, usize)> = above
            .iter()
            .enumerate()
            .flat_map(|(from, vertex)| ends(vertex).map(move |to| (from, to)))
            .collect();
        let crosses = |left: &(usize, usize), right: &(usize, usize)| left.0 < right.0 && left.1 > right.1;
        links.iter().map(|left| links.iter().filter(|right| crosses(left, right)).count()).sum()
    }

    fn room(&self, vertex: usize, sizes: Sizes) -> f64 {
        if vertex < self.nodes { sizes.width } else { LANE }
    }

    /// Gives each vertex a place near the middle of its neighbours, in order and without overlap.
    fn places(&self, sizes: Sizes) -> Vec<f64> {
        let mut x = vec![0.0; self.up.len()];
        for row in &self.rows {
            let wished = vec![0.0; row.len()];
            self.settle(row, &wished, (&mut x, sizes));
        }
        for round in 0..ROUNDS {
            let links = if round % 2 == 0 { &self.up } else { &self.down };
            let rows: Vec<&Vec<usize>> =
                if round % 2 == 0 { self.rows.iter().collect() } else { self.rows.iter().rev().collect() };
            for row in rows {
                let wished: Vec<f64> = row
                    .iter()
                    .map(|vertex| {
                        let near = &links[*vertex];
                        if near.is_empty() {
                            x[*vertex]
                        } else {
                            near.iter().map(|other| x[*other]).sum::<f64>() / float(near.len())
                        }
                    })
                    .collect();
                self.settle(row, &wished, (&mut x, sizes));
            }
        }
        let left = self.edge_of(&x, sizes, -1.0).fold(f64::INFINITY, f64::min);
        x.iter().map(|place| place - left).collect()
    }

    /// Moves a layer to where it wishes to be: the mean of the tightest places from the left and from the right keeps every gap.
    fn settle(&self, row: &[usize], wished: &[f64], (x, sizes): (&mut [f64], Sizes)) {
        let apart =
            |left: usize, right: usize| (self.room(left, sizes) + self.room(right, sizes)) / 2.0 + sizes.gap;
        let mut from_left = wished.to_vec();
        for place in 1..row.len() {
            from_left[place] = from_left[place].max(from_left[place - 1] + apart(row[place - 1], row[place]));
        }
        let mut from_right = wished.to_vec();
        for place in (1..row.len()).rev() {
            from_right[place - 1] =
                from_right[place - 1].min(from_right[place] - apart(row[place - 1], row[place]));
        }
        for (place, vertex) in row.iter().enumerate() {
            x[*vertex] = f64::midpoint(from_left[place], from_right[place]);
        }
    }

    fn edge_of<'a>(&'a self, x: &'a [f64], sizes: Sizes, side: f64) -> impl Iterator<Item = f64> + 'a {
        x.iter().enumerate().map(move |(vertex, place)| place + side * self.room(vertex, sizes) / 2.0)
    }

    fn draw(&self, x: &[f64], edges: &[(usize, usize)], sizes: Sizes) -> Picture {
        let mut y = vec![0.0; x.len()];
        for (depth, row) in self.rows.iter().enumerate() {
            for vertex in row {
                y[*vertex] = sizes.height / 2.0 + float(depth) * (sizes.height + sizes.rise);
            }
        }
        let right = self.edge_of(x, sizes, 1.0).fold(0.0, f64::max);
        let mut lanes = 0.0;
        let mut ways = Vec::new();
        for (way, (from, to)) in self.ways.iter().zip(edges) {
            if way.is_empty() {
                lanes += 1.0;
                let lane = right + lanes * LANE;
                let half = sizes.width / 2.0;
                ways.push((
                    vec![
                        (x[*from] + half, y[*from]),
                        (lane, y[*from]),
                        (lane, y[*to]),
                        (x[*to] + half, y[*to]),
                    ],
                    true,
                ));
                continue;
            }
            let last = way.len() - 1;
            let half = sizes.height / 2.0;
            let point = |(place, vertex): (usize, &usize)| match place {
                0 => (x[*vertex], y[*vertex] + half),
                _ if place == last => (x[*vertex], y[*vertex] - half),
                _ => (x[*vertex], y[*vertex]),
            };
            ways.push((way.iter().enumerate().map(point).collect(), false));
        }
        let nodes = (0..self.nodes).map(|node| (x[node], y[node])).collect();
        let tall = float(self.rows.len()) * (sizes.height + sizes.rise) - sizes.rise;
        Picture { nodes, edges: ways, size: (right + lanes * LANE, tall.max(0.0)) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of steps on a screen")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZES: Sizes = Sizes { width: 100.0, height: 40.0, gap: 20.0, rise: 40.0 };

    #[test]
    fn a_chain_is_a_straight_line() {
        let picture = lay_out(3, &[(0, 1), (1, 2)], SIZES);
        assert_eq!(picture.nodes, [(50.0, 20.0), (50.0, 100.0), (50.0, 180.0)]);
        assert_eq!(picture.size, (100.0, 200.0));
    }

    #[test]
    fn a_cycle_has_one_edge_that_goes_back() {
        let picture = lay_out(3, &[(0, 1), (1, 2), (2, 0)], SIZES);
        let back: Vec<bool> = picture.edges.iter().map(|(_, is_back)| *is_back).collect();
        assert_eq!(back, [false, false, true]);
    }

    proptest! {
        #[test]
        fn nodes_never_overlap_and_edges_go_down(
            nodes in 1..14_usize,
            raw in proptest::collection::vec((0..14_usize, 0..14_usize), 0..30),
        ) {
            let edges: Vec<(usize, usize)> = raw.into_iter().map(|(from, to)| (from % nodes, to % nodes)).collect();
            let picture = lay_out(nodes, &edges, SIZES);
            for (first, a) in picture.nodes.iter().enumerate() {
                for b in &picture.nodes[first + 1..] {
                    prop_assert!((a.0 - b.0).abs() >= 119.999 || (a.1 - b.1).abs() >= 40.0, "{a:?} {b:?}");
                }
                prop_assert!(a.0 >= 49.999 && a.0 <= picture.size.0 - 49.999);
            }
            for (way, is_back) in &picture.edges {
                let falls = way.windows(2).all(|pair| pair[0].1 < pair[1].1);
                prop_assert!(*is_back || falls, "{way:?}");
            }
        }
    }
}
