// SPDX-License-Identifier: MIT
#include "base/list.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace outrider {
namespace {

struct TagA;
struct TagB;

struct Element : ListNode<TagA>, ListNode<TagB> {
  explicit Element(char letter) : name(letter) {}
  char name;
};

using Elements = List<Element, TagA>;

std::string names(Elements& list) {
  std::string text;
  list.for_each([&](const Element& element) { text += element.name; });
  return text;
}

TEST_CASE("elements stay in the order they were added in") {
  Element a('a'), b('b'), c('c');
  Elements list;
  CHECK(list.empty());
  CHECK(list.pop_front() == nullptr);
  for (Element* element : {&a, &b, &c}) list.push_back(*element);
  CHECK(names(list) == "abc");
  CHECK(names(list) == "abc");
  CHECK(list.pop_front() == &a);
  CHECK(list.front() == &b);
  CHECK(names(list) == "bc");
}

TEST_CASE("an element that dies or is taken out leaves no trace") {
  Elements list;
  auto a = std::make_unique<Element>('a');
  auto b = std::make_unique<Element>('b');
  auto c = std::make_unique<Element>('c');
  for (Element* element : {a.get(), b.get(), c.get()}) list.push_back(*element);
  b.reset();
  CHECK(names(list) == "ac");
  static_cast<ListNode<TagA>&>(*a).unlink();
  static_cast<ListNode<TagA>&>(*a).unlink();  // once more does nothing
  CHECK(names(list) == "c");
  c.reset();
  CHECK(list.empty());
}

TEST_CASE("a list that dies lets its elements go") {
  Element a('a');
  {
    Elements list;
    list.push_back(a);
  }
  CHECK(!static_cast<ListNode<TagA>&>(a).is_linked());
}

TEST_CASE("one object is in several lists") {
  Element a('a'), b('b');
  Elements first;
  List<Element, TagB> second;
  first.push_back(a);
  first.push_back(b);
  second.push_back(b);
  CHECK(second.pop_front() == &b);
  CHECK(names(first) == "ab");
}

TEST_CASE("splicing moves all elements to the end") {
  Element a('a'), b('b'), c('c');
  Elements first, second;
  first.push_back(a);
  second.push_back(b);
  second.push_back(c);
  first.splice_back(second);
  CHECK(second.empty());
  CHECK(names(first) == "abc");
  first.splice_back(second);
  CHECK(names(first) == "abc");
  second.splice_back(first);
  CHECK(names(second) == "abc");
}

TEST_CASE("a visit may take out, destroy and add elements, the visited one included") {
  Elements list;
  std::vector<std::unique_ptr<Element>> owned;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    owned.push_back(std::make_unique<Element>(name));
    list.push_back(*owned.back());
  }
  std::string visited;
  list.for_each([&](Element& element) {
    const char name = element.name;
    visited += name;
    if (name == 'a') owned[0].reset();  // itself
    if (name == 'b') {
      owned[2].reset();  // one to come
      owned.push_back(std::make_unique<Element>('x'));
      list.push_back(*owned.back());
    }
  });
  CHECK(visited == "abd");
  CHECK(names(list) == "bxd");
}

}  // namespace
}  // namespace outrider
