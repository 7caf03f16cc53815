#include "common/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>
#include <utility>

#include "common/config/yaml_text.h"

namespace flyover {
namespace {

// yaml-cpp counts lines and columns from 0, and bytes.
ConfigPosition Position(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

// Builds the tree. The first fault is reported and the events behind it are ignored: the parser
// cannot be stopped without an exception, and the text is bounded.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(ConfigReport& report) : report_(report) {}

  std::optional<YamlNode> Take() {
    if (failed_) return std::nullopt;
    return std::move(root_);
  }
  bool failed() const { return failed_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      Fail(mark, "a second document begins here; accepted: one document without '---' inside");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Add(mark, "", YamlNode::Kind::kNull);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { FailAnchor(mark); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { FailAnchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    YamlNode* const node = Add(mark, tag, YamlNode::Kind::kScalar, &value);
    if (node == nullptr) return;
    node->quoted = tag == "!";
    node->text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, YamlNode::Kind::kList);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, YamlNode::Kind::kMap);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

 private:
  void Fail(const YAML::Mark& mark, std::string message) {
    if (failed_) return;
    failed_ = true;
    report_.Error(Position(mark), "", std::move(message));
  }
  void FailAnchor(const YAML::Mark& mark) {
    Fail(mark, "anchors and aliases ('&name', '*name') are not accepted; write the value out");
  }

  // The new node, or null: it was a key, or something is wrong.
  YamlNode* Add(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind,
                const std::string* scalar = nullptr) {
    // yaml-cpp says "?" of a node without a tag and "!" of a quoted scalar.
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(mark, "tags (" + Quoted(tag) + ") are not accepted; write the value alone");
    }
    if (failed_) return nullptr;
    if (open_.empty()) {
      root_.emplace();
      root_->kind = kind;
      root_->at = Position(mark);
      return &*root_;
    }
    YamlNode& parent = *open_.back();
    if (parent.kind == YamlNode::Kind::kMap && !key_) {
      if (scalar == nullptr) {
        Fail(mark, "a key must be text; accepted: 'key: value'");
      } else {
        key_.emplace(*scalar, Position(mark));
      }
      return nullptr;
    }
    YamlNode& node = parent.children.emplace_back();
    node.kind = kind;
    node.at = Position(mark);
    if (key_) {
      node.key = std::move(key_->first);
      node.key_at = key_->second;
      key_.reset();
      // The mark of a value that is not there is that of the next token, maybe lines below.
      if (kind == YamlNode::Kind::kNull) node.at = node.key_at;
    }
    return &node;
  }
  void Open(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    if (!failed_ && open_.size() >= kMaxYamlDepth) {
      Fail(mark,
           "is nested too deeply; accepted: at most " + std::to_string(kMaxYamlDepth) + " levels");
    }
    // Pointers to open nodes stay good: a list of children grows only while it is the innermost.
    if (YamlNode* const node = Add(mark, tag, kind)) open_.push_back(node);
  }
  void Close() {
    if (!failed_ && !open_.empty()) open_.pop_back();
  }

  ConfigReport& report_;
  bool failed_ = false;
  int documents_ = 0;
  std::optional<YamlNode> root_;
  std::vector<YamlNode*> open_;
  std::optional<std::pair<std::string, ConfigPosition>> key_;  // of the value to come
};

}  // namespace

std::optional<YamlNode> ParseYaml(std::string_view text, ConfigReport& report) {
  if (!CheckYamlText(text, report)) return std::nullopt;
  TreeBuilder builder(report);
  // The one boundary at which yaml-cpp's exceptions end.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (!builder.failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    if (!builder.failed()) report.Error(Position(e.mark), "", "is not valid YAML: " + e.msg);
    return std::nullopt;
  } catch (const std::exception& e) {
    report.Error({}, "", std::string("cannot be parsed: ") + e.what());
    return std::nullopt;
  }
  std::optional<YamlNode> root = builder.Take();
  if (!builder.failed() && (!root || root->kind == YamlNode::Kind::kNull)) {
    report.Error(
        {1, 1}, "",
        "is empty (nothing but comments); accepted: a YAML document with at least 'ports'");
    return std::nullopt;
  }
  return root;
}

}  // namespace flyover
