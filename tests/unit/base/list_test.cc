#include "base/list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace millrace::base {
namespace {

struct FirstTag;
struct SecondTag;

struct Item : ListNode<FirstTag>, ListNode<SecondTag> {
  explicit Item(char the_name) : name(the_name) {}
  char name;
};
using First = List<Item, FirstTag>;
using Second = List<Item, SecondTag>;

template <typename Tag>
std::string names(List<Item, Tag>& list) {
  std::string forward;
  for (Item* item = list.front(); item != nullptr; item = list.next(*item))
    forward += item->name;
  std::string backward;
  for (Item* item = list.back(); item != nullptr; item = list.previous(*item))
    backward += item->name;
  std::reverse(backward.begin(), backward.end());
  CHECK(forward == backward);
  return forward;
}

TEST_CASE("List: objects stand in the order of their arrival at either end") {
  Item a('a');
  Item b('b');
  Item c('c');
  First list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK(names(list) == "abc");
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(static_cast<ListNode<FirstTag>&>(a).linked());
  CHECK(names(list) == "bc");
}

TEST_CASE("List: an object is on one list for each tag, and leaves them apart") {
  Item a('a');
  Item b('b');
  First first;
  Second second;
  for (Item* item : {&a, &b}) {
    first.push_back(*item);
    second.push_front(*item);
  }
  a.ListNode<FirstTag>::unlink();
  a.ListNode<FirstTag>::unlink();  // It is on none: nothing happens.
  CHECK(names(first) == "b");
  CHECK(names(second) == "ba");
}

TEST_CASE("List: an object that dies leaves its list, and a list that dies frees its objects") {
  Item stays('s');
  {
    First list;
    auto dies = std::make_unique<Item>('d');
    list.push_back(stays);
    list.push_back(*dies);
    dies.reset();
    CHECK(names(list) == "s");
  }
  CHECK_FALSE(stays.ListNode<FirstTag>::linked());
  First another;
  another.push_back(stays);
  CHECK(names(another) == "s");
}

TEST_CASE("List: move_all_to appends everything in order") {
  Item a('a');
  Item b('b');
  Item c('c');
  First from;
  First to;
  to.push_back(a);
  from.push_back(b);
  from.push_back(c);
  from.move_all_to(to);
  CHECK(from.empty());
  CHECK(names(to) == "abc");
}

TEST_CASE("List: any sequence of changes agrees with a vector") {
  std::mt19937 random(1);
  std::vector<std::unique_ptr<Item>> items;
  for (char name = 'a'; name < 'k'; ++name)
    items.push_back(std::make_unique<Item>(name));
  First list;
  std::string model;
  for (int step = 0; step < 5'000; ++step) {
    Item& item = *items[random() % items.size()];
    const std::size_t at = model.find(item.name);
    if (at != std::string::npos) {
      item.ListNode<FirstTag>::unlink();
      model.erase(at, 1);
    } else if (random() % 2 == 0) {
      list.push_back(item);
      model += item.name;
    } else {
      list.push_front(item);
      model.insert(model.begin(), item.name);
    }
    REQUIRE(names(list) == model);
  }
}

}  // namespace
}  // namespace millrace::base
