#include "core/project/project.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/project/project_file.h"
#include "core/sqlite/sqlite.h"

namespace caracal::project {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ProjectTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "caracal-project-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    m_folder = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(m_folder, fs::perms::owner_all, ignored);
    fs::remove_all(m_folder, ignored);
  }
  std::string path(const std::string& name = "p.caracal") const {
    return (m_folder / name).string();
  }
  Project open(const std::string& name = "p.caracal", OpenMode mode = OpenMode::kReadWrite) const {
    auto project = Project::open(path(name), mode);
    EXPECT_TRUE(project) << project.error().text();
    return std::move(*project);
  }
  Error refusal(const std::string& name, OpenMode mode = OpenMode::kReadWrite) const {
    const auto project = Project::open(path(name), mode);
    EXPECT_FALSE(project);
    return project ? Error{} : project.error();
  }
  void sql(const std::string& name, const std::string& statements) const {
    auto database = sqlite::Database::open(path(name), sqlite::Access::kCreate);
    ASSERT_TRUE(database) << database.error().text();
    const auto done = database->execute(statements);
    ASSERT_TRUE(done) << done.error().text();
  }
  // Runs `check` as a user whom permissions stop, in a child process. Root may write anything.
  static bool holdsWithoutPrivileges(const std::function<bool()>& check) {
    const pid_t child = fork();
    if (child == 0) {
      if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
      _exit(check() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  fs::path m_folder;
};

std::vector<std::string> names(const Project& project) {
  std::vector<std::string> all;
  const std::vector<Item> items = project.items().value();
  for (const Item& item : items) all.push_back(item.name);
  return all;
}

TEST_F(ProjectTest, everythingIsThereAfterReopening) {
  std::vector<Item> added;
  {
    Project project = open();
    EXPECT_TRUE(project.writable());
    added.push_back(project.add(ItemKind::kRun, "baseline", path("runs/a.sqlite")).value());
    added.push_back(
        project.add(ItemKind::kProfile, "profile", "{\"schema\": 1}", added[0].id).value());
    added.push_back(project.add(ItemKind::kPlan, "heu", "{}", added[1].id).value());
    added.push_back(
        project.add(ItemKind::kMeasurement, "measured", "/elsewhere/b.sqlite", added[2].id)
            .value());
    added.push_back(
        project.add(ItemKind::kNote, "why", "text with 'quotes' and\nlines \xC3\xA4").value());
    ASSERT_TRUE(project.setState("zoom", "1..2"));
    ASSERT_TRUE(project.setState("zoom", "3..4"));
  }
  const Project project = open();
  EXPECT_EQ(project.items().value(), added);
  EXPECT_EQ(project.state("zoom").value(), "3..4");
  EXPECT_EQ(project.state("absent").value(), std::nullopt);
  EXPECT_GT(added[0].createdNs, 1'600'000'000'000'000'000);
}

TEST_F(ProjectTest, itemsCanBeReplacedAndRemoved) {
  Project project = open();
  const Item profile = project.add(ItemKind::kProfile, "profile", "{}").value();
  const Item plan = project.add(ItemKind::kPlan, "plan", "{}", profile.id).value();
  ASSERT_TRUE(project.replace(plan.id, "edited", "{\"edited\": true}"));
  ASSERT_TRUE(project.remove(profile.id));
  const auto items = project.items().value();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].name, "edited");
  EXPECT_EQ(items[0].content, "{\"edited\": true}");
  EXPECT_EQ(items[0].parent, 0) << "a child outlives its parent";
  EXPECT_GT(project.add(ItemKind::kNote, "n", "").value().id, plan.id)
      << "ids are never given twice";
}

TEST_F(ProjectTest, unknownItemsAreNamed) {
  Project project = open();
  EXPECT_EQ(project.replace(7, "x", "y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(project.remove(7).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(project.add(ItemKind::kPlan, "x", "y", 7).error().text(), HasSubstr("no item 7"));
}

TEST_F(ProjectTest, tracesInsideTheFolderAreStoredRelative) {
  fs::create_directories(m_folder / "runs");
  std::ofstream(path("runs/a.sqlite")) << "x";
  Project project = open();
  const Item inside = project.add(ItemKind::kRun, "in", path("runs/../runs/a.sqlite")).value();
  EXPECT_EQ(inside.content, "runs/a.sqlite");
  EXPECT_EQ(fs::canonical(project.resolve(inside)), fs::canonical(path("runs/a.sqlite")));
  const Item outside = project.add(ItemKind::kRun, "out", "/somewhere/else.json").value();
  EXPECT_EQ(outside.content, "/somewhere/else.json");
  EXPECT_EQ(project.resolve(outside), "/somewhere/else.json");
  // Storing what was stored changes nothing.
  ASSERT_TRUE(project.replace(inside.id, "in", inside.content));
  EXPECT_EQ(project.items().value()[0].content, "runs/a.sqlite");
  EXPECT_EQ(project.resolve(project.add(ItemKind::kNote, "n", "runs/a.sqlite").value()), "");
}

TEST_F(ProjectTest, aMovedFolderStillFindsItsTraces) {
  fs::create_directories(m_folder / "old/runs");
  std::ofstream(path("old/runs/a.sqlite")) << "x";
  {
    Project project = open("old/p.caracal");
    ASSERT_TRUE(project.add(ItemKind::kRun, "a", path("old/runs/a.sqlite")));
  }
  fs::rename(m_folder / "old", m_folder / "new");
  const Project project = open("new/p.caracal");
  EXPECT_TRUE(fs::exists(project.resolve(project.items().value()[0])));
}

TEST_F(ProjectTest, aCopyElsewhereStillFindsTheTraces) {
  fs::create_directories(m_folder / "copies");
  std::ofstream(path("a.sqlite")) << "x";
  Project project = open();
  ASSERT_TRUE(project.add(ItemKind::kRun, "a", path("a.sqlite")));
  ASSERT_TRUE(project.setState("zoom", "1"));
  ASSERT_TRUE(project.saveCopy(path("copies/q.caracal")));
  ASSERT_TRUE(project.saveCopy(path("copies/q.caracal"))) << "an older copy is replaced";
  Project copy = open("copies/q.caracal");
  EXPECT_TRUE(copy.writable());
  EXPECT_EQ(fs::canonical(copy.resolve(copy.items().value()[0])), fs::canonical(path("a.sqlite")));
  EXPECT_EQ(copy.state("zoom").value(), "1");
  ASSERT_TRUE(copy.add(ItemKind::kNote, "only in the copy", ""));
  EXPECT_EQ(names(project), std::vector<std::string>{"a"});
  EXPECT_THAT(project.saveCopy(project.path()).error().text(), HasSubstr("another name"));
  const auto absent = project.saveCopy(path("absent/q.caracal"));
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().text(), HasSubstr("absent/q.caracal"));
}

TEST_F(ProjectTest, aProjectOpenedForReadingSaysHowToChangeIt) {
  {
    Project project = open();
    ASSERT_TRUE(project.add(ItemKind::kNote, "kept", ""));
  }
  Project project = open("p.caracal", OpenMode::kReadOnly);
  EXPECT_FALSE(project.writable());
  EXPECT_EQ(names(project), std::vector<std::string>{"kept"});
  for (const Error& error :
       {project.add(ItemKind::kNote, "n", "").error(), project.replace(1, "n", "").error(),
        project.remove(1).error(), project.setState("k", "v").error()}) {
    EXPECT_EQ(error.code, ErrorCode::kIo);
    EXPECT_THAT(error.text(), HasSubstr("save a copy"));
    EXPECT_THAT(error.text(), HasSubstr("p.caracal"));
  }
  ASSERT_TRUE(project.saveCopy(path("copy.caracal")));
  EXPECT_TRUE(open("copy.caracal").writable());
}

TEST_F(ProjectTest, aFileOrFolderThatCannotBeWrittenOpensForReading) {
  {
    Project project = open();
    ASSERT_TRUE(project.add(ItemKind::kNote, "kept", ""));
  }
  const auto opensForReading = [&] {
    auto project = Project::open(path());
    return project && !project->writable() && names(*project) == std::vector<std::string>{"kept"} &&
           !project->add(ItemKind::kNote, "n", "");
  };
  // A file that others may read, in a folder that others may write.
  fs::permissions(m_folder, fs::perms::all);
  fs::permissions(path(), fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  EXPECT_TRUE(holdsWithoutPrivileges(opensForReading)) << "read-only file";
  EXPECT_FALSE(fs::exists(path("p.caracal-wal")))
      << "nothing is left behind for others to stumble on";
  fs::permissions(path(), fs::perms::all);
  fs::permissions(m_folder, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                                fs::perms::others_exec);
  EXPECT_TRUE(holdsWithoutPrivileges(opensForReading)) << "read-only folder";
  EXPECT_TRUE(holdsWithoutPrivileges([&] {
    const auto made = Project::open(path("new.caracal"));
    return !made && made.error().code == ErrorCode::kIo;
  })) << "no project can be made in a read-only folder";
}

TEST_F(ProjectTest, whatIsNoProjectIsRefusedInWords) {
  std::ofstream(path("text.caracal")) << std::string(4096, 'x');
  EXPECT_THAT(refusal("text.caracal").text(), HasSubstr("not a Caracal project"));
  sql("other.caracal", "CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(refusal("other.caracal").text(), HasSubstr("SQLite file of another kind"));
  sql("recording.sqlite", "CREATE TABLE CARACAL_META (key TEXT, value TEXT)");
  EXPECT_THAT(refusal("recording.sqlite").text(), HasSubstr("open it as a trace"));
  EXPECT_EQ(refusal("absent.caracal", OpenMode::kReadOnly).code, ErrorCode::kNotFound);
  EXPECT_EQ(refusal("absent/p.caracal").code, ErrorCode::kIo);
  EXPECT_FALSE(fs::exists(path("other.caracal-wal"))) << "a foreign file is left as it was";
}

TEST_F(ProjectTest, aNewerVersionIsRefusedByName) {
  open();
  sql("p.caracal", "PRAGMA user_version=9");
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    const Error error = refusal("p.caracal", mode);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_THAT(error.text(), HasSubstr("version 9"));
  }
}

TEST_F(ProjectTest, theHeaderNamesTheFormat) {
  open();
  std::ifstream file(path(), std::ios::binary);
  std::string header(100, '\0');
  file.read(header.data(), 100);
  EXPECT_EQ(header.substr(68, 4), "CRCL");
}

TEST_F(ProjectTest, anEmptyFileBecomesAProject) {
  std::ofstream(path()).close();
  EXPECT_TRUE(open().writable());
}

TEST_F(ProjectTest, whatWasAddedBeforeAKillIsThere) {
  int pipeEnds[2];
  ASSERT_EQ(pipe(pipeEnds), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto project = Project::open(path());
    while (project) {
      const auto item = project->add(ItemKind::kPlan, "plan", std::string(20'000, 'x'));
      if (!item || write(pipeEnds[1], &item->id, sizeof item->id) != sizeof item->id) break;
    }
    _exit(1);
  }
  ::close(pipeEnds[1]);
  int64_t acknowledged = 0;
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(read(pipeEnds[0], &acknowledged, sizeof acknowledged), ssize_t{sizeof acknowledged});
  }
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself before it was killed";
  while (read(pipeEnds[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::close(pipeEnds[0]);

  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const auto items = open("p.caracal", mode).items().value();
    // The kill may fall between a commit and its acknowledgement.
    ASSERT_GE(static_cast<int64_t>(items.size()), acknowledged);
    ASSERT_LE(static_cast<int64_t>(items.size()), acknowledged + 1);
    for (const Item& item : items) EXPECT_EQ(item.content.size(), 20'000u);
  }
}

TEST_F(ProjectTest, twoWindowsOnOneProjectSeeEachOther) {
  Project first = open();
  Project second = open();
  ASSERT_TRUE(first.add(ItemKind::kNote, "from the first", ""));
  ASSERT_TRUE(second.add(ItemKind::kNote, "from the second", ""));
  EXPECT_EQ(names(first), (std::vector<std::string>{"from the first", "from the second"}));
}

}  // namespace
}  // namespace caracal::project
