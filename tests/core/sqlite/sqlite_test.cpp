#include "core/sqlite/sqlite.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace caracal::sqlite {
namespace {

class Sqlite : public testing::Test {
 protected:
  void SetUp() override {
    m_folder = std::filesystem::path(testing::TempDir()) /
               ("sqlite_" + std::to_string(getpid()) +
                testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(m_folder);
  }
  void TearDown() override { std::filesystem::remove_all(m_folder); }
  std::string path(const char* name = "a.sqlite") const { return (m_folder / name).string(); }
  std::filesystem::path m_folder;
};

int64_t count(Database& database) {
  auto query = database.prepare("SELECT count(*) FROM t");
  EXPECT_TRUE(query) << query.error().text();
  EXPECT_TRUE(query->step().value());
  return query->integer(0);
}

TEST_F(Sqlite, valuesOfEveryTypeComeBack) {
  auto database = Database::open(path(), Access::kCreate);
  ASSERT_TRUE(database) << database.error().text();
  ASSERT_TRUE(database->execute("CREATE TABLE t (a, b, c, d)"));
  auto insert = database->prepare("INSERT INTO t VALUES (?,?,?,?)");
  ASSERT_TRUE(insert);
  ASSERT_TRUE(
      insert->bindAll(int64_t{1} << 62, 0.5, std::string("with \0 inside", 13)).bindNull(4).run());
  auto query = database->prepare("SELECT a, b, c, d, '' FROM t");
  ASSERT_TRUE(query);
  ASSERT_TRUE(query->step().value());
  EXPECT_EQ(query->integer(0), int64_t{1} << 62);
  EXPECT_EQ(query->real(1), 0.5);
  EXPECT_EQ(query->text(2), std::string("with \0 inside", 13));
  EXPECT_TRUE(query->isNull(3));
  EXPECT_FALSE(query->isNull(4));
  EXPECT_FALSE(query->step().value());
}

TEST_F(Sqlite, aTransactionThatIsNotCommittedIsRolledBack) {
  auto database = Database::open(path(), Access::kCreate);
  ASSERT_TRUE(database->execute("CREATE TABLE t (a)"));
  {
    auto transaction = Transaction::begin(*database);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(database->execute("INSERT INTO t VALUES (1)"));
  }
  EXPECT_EQ(count(*database), 0);
  auto transaction = Transaction::begin(*database);
  ASSERT_TRUE(transaction);
  ASSERT_TRUE(database->execute("INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(count(*database), 1);
}

TEST_F(Sqlite, namesWithUriCharactersOpen) {
  const std::string odd = path("what? 100%25 #1.sqlite");
  {
    auto database = Database::open(odd, Access::kCreate);
    ASSERT_TRUE(database->execute("CREATE TABLE t (a)"));
  }
  for (const Access access : {Access::kReadOnly, Access::kReadImmutable}) {
    auto database = Database::open(odd, access);
    ASSERT_TRUE(database) << database.error().text();
    EXPECT_TRUE(database->hasTable("t"));
    EXPECT_FALSE(database->hasTable("u"));
    EXPECT_FALSE(database->execute("INSERT INTO t VALUES (1)"));
  }
}

TEST_F(Sqlite, readingSeesWhatIsOnlyInTheWal) {
  auto writer = Database::open(path(), Access::kCreate);
  ASSERT_TRUE(
      writer->execute("PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)"));
  auto reader = Database::openForReading(path());
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(count(*reader), 1);
}

TEST_F(Sqlite, whatIsNoDatabaseIsSaidInWords) {
  std::ofstream(path()) << std::string(4096, 'x');
  auto database = Database::openForReading(path());
  ASSERT_TRUE(database);
  const auto query = database->prepare("SELECT * FROM sqlite_schema");
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code, ErrorCode::kInvalidInput);
  EXPECT_NE(query.error().message.find("not an SQLite database"), std::string::npos)
      << query.error().text();
}

TEST_F(Sqlite, aMissingFileCannotBeOpenedForReading) {
  EXPECT_EQ(Database::openForReading(path("absent")).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace caracal::sqlite
