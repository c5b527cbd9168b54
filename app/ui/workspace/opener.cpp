#include "app/ui/workspace/opener.h"

#include <utility>

#include "app/ui/workspace/open_kind.h"
#include "core/plan/plan_json.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"
#include "core/project/project.h"

namespace caracal::ui {
namespace {

using profile::Profile;

Result<Profile> profileFromModelFile(const std::string& path) {
  CARACAL_TRY(model, profile::loadModel(path));
  CARACAL_TRY(hardware, profile::loadHardware(model.gpu));
  return profile::profileFromModel(model, hardware);
}

// A real pipeline says how long its stages took; the description says what they were made of.
Result<Profile> profileFromPipeline(const LoadedRun& run, const std::string& modelPath) {
  CARACAL_TRY(model, profile::loadModel(modelPath));
  return profile::profileFromStages(*run.trace, *run.model, model);
}

Result<Profile> profileOn(const std::string& model, const std::string& hardwareFile) {
  CARACAL_TRY(description, profile::loadModel(model));
  CARACAL_TRY(hardware, profile::loadHardware(hardwareFile));
  return profile::profileFromModel(description, hardware);
}

Result<bool> writeState(const std::string& path, const std::map<std::string, std::string>& state) {
  CARACAL_TRY(project, project::Project::open(path));
  for (const auto& [key, value] : state) CARACAL_CHECK_OK(project.setState(key, value));
  return true;
}

}  // namespace

Opener::Opener(JobBoard& jobs, Workspace& workspace, PlanSession& session, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_session(session),
      m_documentJob(jobs),
      m_profileJob(jobs),
      m_projectJob(jobs),
      m_stateJob(jobs) {
  connect(&workspace, &Workspace::opened, this, &Opener::opened);
  connect(&workspace, &Workspace::failed, this, &Opener::failed);
  connect(&workspace, &Workspace::noticed, this, &Opener::noticed);
  connect(&workspace, &Workspace::runsChanged, this, &Opener::profileFirstRun);
}

void Opener::open(const QStringList& paths, Workspace::OpenMode mode) {
  QStringList traces, plans;
  bool bringsProfile = false;
  for (const QString& path : paths) {
    switch (openKindOf(path.toStdString())) {
      case OpenKind::kTrace:
        traces << path;
        break;
      case OpenKind::kProject:
        bringsProfile = true;
        openProject(path);
        break;
      case OpenKind::kProfile:
        bringsProfile = true;
        openProfile(path);
        break;
      case OpenKind::kPlan:
        plans << path;
        break;
      case OpenKind::kModel:
        bringsProfile = true;
        openModel(path);
        break;
    }
  }
  // A recording brings its profile too, when none is there yet.
  if (bringsProfile || (!traces.isEmpty() && !m_session.profile())) {
    m_waitingPlans = plans;
  } else {
    openPlans(plans);
  }
  m_workspace.open(traces, mode);
}

void Opener::closeAll() {
  m_project.clear();
  m_projectWritable = false;
  m_session.setProfile(nullptr);
  m_workspace.closeAll();
}

void Opener::openPlans(const QStringList& paths) {
  for (const QString& path : paths) openPlan(path);
}

void Opener::openProject(const QString& path) {
  m_projectJob.start<LoadedProject>(
      tr("Open project %1").arg(path),
      [name = path.toStdString()](std::stop_token stop, const Progress& progress) {
        return loadProject(name, stop, progress);
      },
      [this, path](Result<LoadedProject> project) {
        if (!project) return emit failed(QString::fromStdString(project.error().text()));
        showProject(std::move(*project));
        emit opened({path});
      });
}

void Opener::showProject(LoadedProject project) {
  m_project = QString::fromStdString(project.path);
  m_projectWritable = project.writable;
  emit projectOpened(project);
  // The session first: a run that arrives without one would be profiled again.
  if (project.profile) {
    std::optional<plan::Plan> plan;
    if (!project.plans.empty()) plan = project.plans.back().plan;
    m_session.setProfile(project.profile, std::move(plan));
  }
  openPlans(std::exchange(m_waitingPlans, {}));
  bool first = true;
  for (const RunPtr& run : project.runs) {
    m_workspace.add(run, first ? Workspace::OpenMode::kReplace : Workspace::OpenMode::kAdd);
    first = false;
  }
  for (const Error& problem : project.problems)
    emit noticed(tr("Left out: %1").arg(QString::fromStdString(problem.text())));
  if (!project.writable) {
    emit noticed(tr("%1 cannot be written: it opens read-only, measurements are not kept in it.")
                     .arg(m_project));
  }
}

void Opener::useProfile(Result<Profile> profile, const QString& from) {
  if (!profile) {
    m_waitingPlans.clear();
    if (profile.error().code != ErrorCode::kCancelled)
      emit failed(QString::fromStdString(profile.error().text()));
    return;
  }
  m_session.setProfile(std::make_shared<const Profile>(std::move(*profile)));
  if (!from.isEmpty()) emit opened({from});
  openPlans(std::exchange(m_waitingPlans, {}));
}

void Opener::openProfile(const QString& path) {
  m_profileJob.start<Profile>(
      tr("Open profile"),
      [name = path.toStdString()](std::stop_token, const Progress&) {
        return profile::loadProfile(name);
      },
      [this, path](Result<Profile> profile) { useProfile(std::move(profile), path); });
}

void Opener::openModel(const QString& path) {
  const RunPtr run = m_workspace.currentRun();
  const bool pipeline =
      run && run->model && run->trace->format() != "caracal" && run->trace->format() != "simulated";
  m_profileJob.start<Profile>(
      tr("Profile from model description"),
      [name = path.toStdString(), run = pipeline ? run : nullptr](std::stop_token,
                                                                  const Progress&) {
        return run ? profileFromPipeline(*run, name) : profileFromModelFile(name);
      },
      [this, path](Result<Profile> profile) { useProfile(std::move(profile), path); });
}

void Opener::openPlan(const QString& path) {
  if (!m_session.profile()) {
    return emit failed(tr("%1 is a plan; open the profile it was made for first.").arg(path));
  }
  m_documentJob.start<plan::Plan>(
      tr("Open plan"),
      [name = path.toStdString(), profile = m_session.profile()](std::stop_token, const Progress&) {
        return plan::loadPlan(name, *profile);
      },
      [this, path](Result<plan::Plan> plan) {
        if (!plan) return emit failed(QString::fromStdString(plan.error().text()));
        const auto valid = plan::validate(*m_session.profile(), *plan);
        if (!valid)
          return emit failed(QString::fromStdString(at(valid.error(), path.toStdString()).text()));
        m_session.edit(*plan, tr("open plan %1").arg(QString::fromStdString(plan->name)));
        emit opened({path});
      });
}

void Opener::profileFirstRun() {
  // Once a profile is there, measurements come to be compared with its plans, not to replace it.
  if (m_session.profile() || m_workspace.runs().empty()) return;
  const RunPtr run = m_workspace.runs().front();
  const bool recording = run->model && run->trace->format() == "caracal" &&
                         run->trace->tag() != trace::Tag::kSimulated;
  if (!recording) return openPlans(std::exchange(m_waitingPlans, {}));  // refused in words
  m_profileJob.start<Profile>(
      tr("Profile %1").arg(QString::fromStdString(run->name)),
      [run](std::stop_token, const Progress&) {
        return profile::profileFromRecording(*run->trace, *run->model);
      },
      [this](Result<Profile> profile) { useProfile(std::move(profile), {}); });
}

void Opener::keepMeasurement(const QString& recording, const plan::Plan& plan) {
  if (m_project.isEmpty() || !m_projectWritable || !m_session.profile()) return;
  m_documentJob.start<int64_t>(
      tr("Keep the measurement in the project"),
      [path = m_project.toStdString(), recording = recording.toStdString(), plan,
       profile = m_session.profile()](std::stop_token, const Progress&) -> Result<int64_t> {
        CARACAL_TRY(project, project::Project::open(path));
        CARACAL_TRY(stored, project.add(project::ItemKind::kPlan, plan.policy,
                                        plan::toJson(plan, *profile)));
        CARACAL_TRY(
            item, project.add(project::ItemKind::kMeasurement, plan.policy, recording, stored.id));
        return item.id;
      },
      [this](const Result<int64_t>& id) {
        if (!id) emit failed(QString::fromStdString(id.error().text()));
      });
}

// States that come while one is being written wait for it: none is lost, the newest wins.
bool Opener::keepState(const std::string& key, const std::string& value) {
  if (m_project.isEmpty() || !m_projectWritable) return false;
  m_unsavedStates[m_project][key] = value;
  if (!m_stateJob.running()) writeStates();
  return true;
}

void Opener::writeStates() {
  auto states = m_unsavedStates.extract(m_unsavedStates.begin());
  m_stateJob.start<bool>(
      tr("Keep settings in the project"),
      [path = states.key().toStdString(), state = std::move(states.mapped())](
          std::stop_token, const Progress&) { return writeState(path, state); },
      [this](const Result<bool>& written) {
        if (!written) emit failed(QString::fromStdString(written.error().text()));
        if (!m_unsavedStates.empty()) writeStates();
      });
}

void Opener::openModelOn(const QString& model, const QString& hardwareFile) {
  m_profileJob.start<Profile>(
      tr("Profile %1 for this machine").arg(model),
      [name = model.toStdString(), hardware = hardwareFile.toStdString()](
          std::stop_token, const Progress&) { return profileOn(name, hardware); },
      [this](Result<Profile> profile) { useProfile(std::move(profile), {}); });
}

}  // namespace caracal::ui
