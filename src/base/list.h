// An intrusive doubly linked list. An object derives from ListNode<Tag> for each list that it may
// be on, and is on at most one list of a tag at a time. The list owns nothing; an object leaves its
// list when it is destroyed.
#pragma once

#include "base/must.h"

namespace millrace::base {

template <typename Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <typename T, typename U>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

template <typename T, typename Tag>
class List {
 public:
  using Node = ListNode<Tag>;

  List() { head_.next_ = head_.prev_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    while (pop_front() != nullptr) {
    }
    head_.next_ = head_.prev_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  [[nodiscard]] T* front() { return empty() ? nullptr : object(head_.next_); }
  [[nodiscard]] T* back() { return empty() ? nullptr : object(head_.prev_); }
  [[nodiscard]] T* next(T& after) {
    Node* node = static_cast<Node&>(after).next_;
    return node == &head_ ? nullptr : object(node);
  }
  [[nodiscard]] T* previous(T& before) {
    Node* node = static_cast<Node&>(before).prev_;
    return node == &head_ ? nullptr : object(node);
  }
  void push_back(T& item) { insert(head_.prev_, item); }
  void push_front(T& item) { insert(&head_, item); }
  T* pop_front() {
    T* first = front();
    if (first != nullptr) static_cast<Node*>(first)->unlink();
    return first;
  }
  // Moves every object to `other`'s end, in order.
  void move_all_to(List& other) {
    while (T* item = pop_front()) {
      other.push_back(*item);
    }
  }

 private:
  static T* object(Node* node) { return static_cast<T*>(node); }
  void insert(Node* after, T& item) {
    Node* node = &item;
    MUST(!node->linked());
    node->prev_ = after;
    node->next_ = after->next_;
    after->next_->prev_ = node;
    after->next_ = node;
  }

  Node head_;
};

}  // namespace millrace::base
