#include <gmock/gmock.h>

#include <algorithm>

#include "core/graph.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Graph make(std::size_t nodes, std::vector<Graph::Link> links) {
  std::vector<Node> list;
  for (std::size_t i = 0; i < nodes; ++i)
    list.push_back({"n" + std::to_string(i), static_cast<std::uint32_t>(i), 0});
  return Graph(std::move(list), std::move(links));
}

TEST(Graph, ParentsAndChildrenMirrorEachOther) {
  const auto graph = make(3, {{0, 2, On::ok}, {1, 2, On::any}, {0, 1, On::ok}});
  ASSERT_EQ(graph.parents(2).size(), 2U);
  EXPECT_EQ(graph.parents(2)[1].node, 1U);
  EXPECT_EQ(graph.parents(2)[1].on, On::any);
  ASSERT_EQ(graph.children(0).size(), 2U);
  EXPECT_EQ(graph.children(2).size(), 0U);
}

TEST(Graph, TheSameEdgeTwiceIsOneEdge) {
  EXPECT_EQ(make(2, {{0, 1, On::ok}, {0, 1, On::ok}}).edge_count(), 1U);
  EXPECT_EQ(make(2, {{0, 1, On::ok}, {0, 1, On::any}}).edge_count(), 2U);
}

TEST(Graph, OrderPutsParentsFirstAndKeepsTheFilesOrderAmongEquals) {
  const auto graph = make(4, {{3, 0, On::ok}});
  EXPECT_THAT(graph.order(), ElementsAre(1, 2, 3, 0));
}

TEST(Graph, ACycleHasNoOrderAndIsNamedFromParentToChild) {
  const auto graph =
      make(5, {{0, 1, On::ok}, {1, 2, On::ok}, {2, 3, On::ok}, {3, 1, On::ok}, {3, 4, On::ok}});
  EXPECT_THAT(graph.order(), IsEmpty());
  const auto cycle = graph.cycle();
  ASSERT_EQ(cycle.size(), 4U);
  EXPECT_EQ(cycle.front(), cycle.back());
  for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
    EXPECT_TRUE(std::ranges::any_of(graph.parents(cycle[i + 1]),
                                    [&](const Edge& edge) { return edge.node == cycle[i]; }));
  }
}

TEST(Graph, AGraphWithoutACycleNamesNone) {
  EXPECT_THAT(make(2, {{0, 1, On::ok}}).cycle(), IsEmpty());
}

TEST(Graph, AChainOfAMillionDoesNotRecurse) {
  constexpr std::size_t n = 1'000'000;
  std::vector<Graph::Link> links;
  for (NodeIndex i = 0; i + 1 < n; ++i) links.push_back({i, i + 1, On::ok});
  const auto graph = make(n, std::move(links));
  EXPECT_EQ(graph.order().back(), n - 1);
  EXPECT_THAT(graph.cycle(), IsEmpty());
}

TEST(Graph, FindsByName) {
  const auto graph = make(3, {});
  EXPECT_EQ(graph.find("n2"), 2U);
  EXPECT_EQ(graph.find("n3"), no_node);
}

}  // namespace
}  // namespace catena
