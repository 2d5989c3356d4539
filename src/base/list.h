// SPDX-License-Identifier: MIT
#pragma once

// An intrusive doubly linked list: an element derives from ListNode<Tag> and unlinks itself when it dies, so a
// list never holds a dangling pointer and adding never allocates. Tag lets one object be in several lists.

#include "base/check.h"

namespace outrider {

template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ~ListNode() { unlink(); }
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  bool is_linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <class T, class Tag>
class List {
  using Node = ListNode<Tag>;

 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  ~List() {
    while (pop_front() != nullptr) {
    }
    head_.next_ = head_.previous_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }

  void push_back(T& element) {
    Node& node = element;
    OUTRIDER_DCHECK(!node.is_linked());
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }

  T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next_); }

  T* pop_front() {
    T* element = front();
    if (element != nullptr) static_cast<Node*>(element)->unlink();
    return element;
  }

  /// Moves all elements of `other` to the end of this list.
  void splice_back(List& other) {
    if (other.empty()) return;
    Node* first = other.head_.next_;
    Node* last = other.head_.previous_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
    other.head_.next_ = other.head_.previous_ = &other.head_;
  }

  /// Calls visit(T&) for each element. `visit` may unlink or destroy elements, the visited one included, and may
  /// add some: those are not visited.
  template <class Visit>
  void for_each(Visit visit) {
    List pending;
    pending.splice_back(*this);
    while (T* element = pending.pop_front()) {
      push_back(*element);
      visit(*element);
    }
  }

 private:
  mutable Node head_;
};

}  // namespace outrider
